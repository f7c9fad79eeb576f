"""German."""

COMPONENTS = {
    "email": "E-Mail-Adresse",
    "given_name": "Vorname",
    "family_name": "Nachname",
    "phone": "Telefonnummer",
    "postal_address": "Postanschrift",
    "vat_number": "Umsatzsteuer-Identifikationsnummer",
    "health_note": "Angabe zur Gesundheit",
}
TITLES = {
    "newsletter": "Newsletter",
    "orders": "Bestellungen und Lieferung",
    "fraud_prevention": "Betrugsvorbeugung",
    "direct_marketing": "Direktwerbung",
    "tax_records": "Steuerunterlagen",
    "health_programme": "Gesundheitsprogramm",
    "statistics": "Amtliche Statistik",
    "emergency_contact": "Notfallkontakt",
    "profiling": "Persönliche Empfehlungen",
}
POINTS = {
    "controller": "{name}, {address}. Sie erreichen uns unter {contact}.",
    "officer": "Unsere datenschutzbeauftragte Person beantwortet Ihre Fragen unter {officer}.",
    "recipients": (
        "Niemand außerhalb unseres Unternehmens. Technische Dienstleister arbeiten nur nach unserer Weisung"
        " (Art. 28 DSGVO)."
    ),
    "transfers": "Wir senden diese Daten nicht in Länder außerhalb des Europäischen Wirtschaftsraums.",
    "rights": (
        "Sie können Auskunft über Ihre Daten, deren Berichtigung und die Einschränkung der Verarbeitung verlangen."
    ),
    "withdrawal": (
        "Sie können Ihre Einwilligung jederzeit so einfach widerrufen, wie Sie sie erteilt haben: auf der Seite"
        " „Einwilligungen“ dieses Portals, in einem Schritt und ohne Angabe von Gründen. Was vor dem Widerruf geschah,"
        " bleibt rechtmäßig."
    ),
    "objection": (
        "Sie können aus Gründen, die sich aus Ihrer Situation ergeben, jederzeit widersprechen; wir hören"
        " dann auf, wenn"
        " wir keine zwingenden Gründe haben."
    ),
    "complaint": "Sie können sich bei {authority} ({authority_url}) oder bei der Behörde an Ihrem Wohnort beschweren.",
    "automated": "Keine Entscheidung über Sie fällt allein automatisiert, und es wird kein Profil von Ihnen erstellt.",
}
BY_BASIS = {
    "consent": {
        "ground": "Das tun wir nur mit Ihrer Einwilligung (Art. 6 Abs. 1 Buchst. a DSGVO).",
        "more_rights": "Sie können die Löschung verlangen und eine maschinenlesbare Kopie zum Mitnehmen.",
        "obligation": "Sie können frei ablehnen. Ein Nein hat für Sie keinen Nachteil.",
    },
    "contract": {
        "ground": "Wir brauchen es, um unseren Vertrag mit Ihnen zu erfüllen (Art. 6 Abs. 1 Buchst. b DSGVO).",
        "more_rights": "Sie können die Löschung verlangen und eine maschinenlesbare Kopie zum Mitnehmen.",
        "obligation": "Der Vertrag braucht diese Daten. Ohne sie können wir nicht liefern.",
    },
    "legal_obligation": {
        "ground": "Das Gesetz verpflichtet uns dazu (Art. 6 Abs. 1 Buchst. c DSGVO).",
        "more_rights": (
            "Solange das Gesetz uns zur Aufbewahrung verpflichtet, können wir nicht löschen (Art. 17 Abs. 3"
            " Buchst. b DSGVO)."
        ),
        "obligation": "Das Gesetz verlangt diese Daten. Ohne sie können wir keine Rechnung ausstellen.",
    },
    "vital_interests": {
        "ground": "Es schützt Leben und Gesundheit im Notfall (Art. 6 Abs. 1 Buchst. d DSGVO).",
        "more_rights": "Sie können die Löschung verlangen.",
        "obligation": "Sie können es weglassen. Dann erreichen wir im Notfall niemanden.",
    },
    "public_task": {
        "ground": "Es ist für eine Aufgabe im öffentlichen Interesse nötig (Art. 6 Abs. 1 Buchst. e DSGVO).",
        "more_rights": (
            "Was für die öffentliche Aufgabe nötig ist, wird nicht auf Antrag gelöscht (Art. 17 Abs. 3 Buchst. b"
            " DSGVO)."
        ),
        "obligation": "Die Daten liegen aus Ihrer Bestellung vor; Sie müssen nichts weiter angeben.",
    },
    "legitimate_interests": {
        "ground": "Es beruht auf unserem berechtigten Interesse (Art. 6 Abs. 1 Buchst. f DSGVO).",
        "more_rights": "Sie können die Löschung verlangen.",
        "obligation": "Sie müssen dafür nichts angeben; die Daten liegen aus Ihrer Bestellung vor.",
    },
}
PURPOSES = {
    "newsletter": {
        "summary": "Wir senden Ihnen einmal im Monat unseren Newsletter und grüßen Sie mit Ihrem Vornamen.",
        "recipients": (
            "Acme Mailings GmbH in Deutschland, und nur wenn Sie die Weitergabe einschalten. Bis dahin ist sie aus."
        ),
        "retention": "Bis Sie Ihre Einwilligung widerrufen, längstens zwei Jahre nach Ihrer letzten Antwort.",
    },
    "orders": {
        "summary": "Wir nehmen Ihre Bestellung auf, liefern sie und beantworten Ihre Fragen dazu.",
        "retention": "Drei Jahre nach der Bestellung, bis Ansprüche daraus verjähren.",
    },
    "fraud_prevention": {
        "summary": "Wir prüfen Bestellungen auf Zeichen, dass jemand anderes Ihren Namen oder Ihre Adresse benutzt.",
        "interests": "Wir wollen Sie und uns vor Schaden durch Betrug bewahren.",
        "retention": "Ein Jahr nach der letzten Bestellung.",
    },
    "direct_marketing": {
        "summary": "Wir schreiben Ihnen per E-Mail über eigene Waren, die Ihren Käufen ähnlich sind.",
        "interests": "Wir wollen unserer Kundschaft sagen, was wir sonst anbieten.",
        "objection": (
            "Sie können Direktwerbung jederzeit und ohne Grund widersprechen; wir hören dann sofort auf (Art. 21"
            " Abs. 2 DSGVO)."
        ),
        "retention": "Bis Sie widersprechen, längstens zwei Jahre nach Ihrer letzten Bestellung.",
    },
    "tax_records": {
        "summary": (
            "Wir bewahren Rechnungen mit Ihrem Namen, Ihrer Anschrift und Umsatzsteuernummer für das Finanzamt auf."
        ),
        "recipients": "Die Finanzbehörden, wenn sie danach fragen, und unsere Steuerberatung.",
        "retention": "Zehn Jahre ab dem Ende des Jahres der Rechnung (§ 147 AO).",
    },
    "health_programme": {
        "summary": "Wir halten fest, was Sie uns über Ihre Gesundheit sagen, damit unser Rat zu Ihnen passt.",
        "ground": (
            "Das sind Gesundheitsdaten: Wir tun das nur mit Ihrer ausdrücklichen Einwilligung (Art. 9 Abs. 2"
            " Buchst. a DSGVO)."
        ),
        "retention": "Bis Sie Ihre Einwilligung widerrufen, längstens ein Jahr nach Ihrer letzten Antwort.",
    },
    "statistics": {
        "summary": "Wir zählen Lieferungen nach Regionen für die amtliche Statistik.",
        "recipients": "Das Statistikamt erhält nur Summen, in denen niemand zu erkennen ist.",
        "retention": "Ein Jahr nach der Zählung.",
    },
    "emergency_contact": {
        "summary": "Wir halten eine Telefonnummer bereit für den Fall, dass Leben oder Gesundheit in Gefahr sind.",
        "recipients": "Rettungsdienste, im Notfall.",
        "retention": "Ein Jahr nach Ihrer letzten Bestätigung.",
    },
    "profiling": {
        "summary": "Wir schlagen Ihnen Waren vor, die zu Ihren bisherigen Käufen passen.",
        "automated": "Ein Profil Ihrer Käufe ordnet die Vorschläge. Sonst entscheidet es nichts über Sie.",
        "retention": "Bis Sie Ihre Einwilligung widerrufen, längstens ein Jahr nach Ihrer letzten Bestellung.",
    },
}
