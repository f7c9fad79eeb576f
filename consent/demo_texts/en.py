"""English."""

COMPONENTS = {
    "email": "E-mail address",
    "given_name": "Given name",
    "family_name": "Family name",
    "phone": "Telephone number",
    "postal_address": "Postal address",
    "vat_number": "VAT number",
    "health_note": "Health note",
}
TITLES = {
    "newsletter": "Newsletter",
    "orders": "Orders and delivery",
    "fraud_prevention": "Fraud prevention",
    "direct_marketing": "Direct marketing",
    "tax_records": "Tax records",
    "health_programme": "Health programme",
    "statistics": "Official statistics",
    "emergency_contact": "Emergency contact",
    "profiling": "Personal recommendations",
}
POINTS = {
    "controller": "{name}, {address}. You reach us at {contact}.",
    "officer": "Our data protection officer answers your questions at {officer}.",
    "recipients": (
        "Nobody outside our company. Our technical service providers work on our instructions only (Art. 28 GDPR)."
    ),
    "transfers": "We do not send this data to countries outside the European Economic Area.",
    "rights": "You can ask us for access to your data, for its correction and for restriction of its processing.",
    "withdrawal": (
        "You can withdraw your consent at any time, as easily as you gave it: on the consent page of this"
        " portal, in one"
        " step and without giving a reason. What was done before the withdrawal stays lawful."
    ),
    "objection": (
        "You can object at any time for reasons that arise from your situation, and we stop unless we have"
        " compelling grounds."
    ),
    "complaint": "You can complain to {authority} ({authority_url}) or to the authority where you live.",
    "automated": "No decision about you is taken by automated means alone, and no profile of you is made.",
}
BY_BASIS = {
    "consent": {
        "ground": "We do this only with your consent (Art. 6(1)(a) GDPR).",
        "more_rights": "You can ask for erasure and for a copy in a machine-readable form to take with you.",
        "obligation": "You are free to say no. Saying no has no disadvantage for you.",
    },
    "contract": {
        "ground": "We need it to fulfil our contract with you (Art. 6(1)(b) GDPR).",
        "more_rights": "You can ask for erasure and for a copy in a machine-readable form to take with you.",
        "obligation": "The contract needs this data. Without it we cannot deliver.",
    },
    "legal_obligation": {
        "ground": "The law obliges us to it (Art. 6(1)(c) GDPR).",
        "more_rights": "While the law obliges us to keep the data we cannot erase it (Art. 17(3)(b) GDPR).",
        "obligation": "The law requires this data. Without it we cannot issue an invoice.",
    },
    "vital_interests": {
        "ground": "It protects life and health in an emergency (Art. 6(1)(d) GDPR).",
        "more_rights": "You can ask for erasure.",
        "obligation": "You are free to leave it out. Then we cannot reach anybody in an emergency.",
    },
    "public_task": {
        "ground": "It is needed for a task in the public interest (Art. 6(1)(e) GDPR).",
        "more_rights": "Data needed for the public task is not erased on request (Art. 17(3)(b) GDPR).",
        "obligation": "The data is already there from your order; you need not provide anything more.",
    },
    "legitimate_interests": {
        "ground": "It rests on our legitimate interest (Art. 6(1)(f) GDPR).",
        "more_rights": "You can ask for erasure.",
        "obligation": "You need not provide anything for this; the data is already there from your order.",
    },
}
PURPOSES = {
    "newsletter": {
        "summary": "We send you our newsletter once a month and greet you by your given name.",
        "recipients": (
            "Acme Mailings GmbH in Germany, and only if you switch sharing with it on. It is off until you do."
        ),
        "retention": "Until you withdraw your consent, and two years after your last answer at the longest.",
    },
    "orders": {
        "summary": "We take your order, deliver it and answer your questions about it.",
        "retention": "Three years after the order, until claims from it lapse.",
    },
    "fraud_prevention": {
        "summary": "We check orders for signs that somebody else uses your name or address.",
        "interests": "We want to keep you and us from harm by fraud.",
        "retention": "One year after the last order.",
    },
    "direct_marketing": {
        "summary": "We write to you by e-mail about our own goods that are like those you bought.",
        "interests": "We want to tell our customers what else we offer.",
        "objection": (
            "You can object to direct marketing at any time and without a reason; we then stop at once (Art."
            " 21(2) GDPR)."
        ),
        "retention": "Until you object, and two years after your last order at the longest.",
    },
    "tax_records": {
        "summary": "We keep invoices with your name, address and VAT number for the tax office.",
        "recipients": "The tax authorities, when they ask, and our tax adviser.",
        "retention": "Ten years from the end of the year of the invoice (section 147 of the German Fiscal Code).",
    },
    "health_programme": {
        "summary": "We note what you tell us about your health, so that our advice suits you.",
        "ground": "This is data concerning health: we do this only with your explicit consent (Art. 9(2)(a) GDPR).",
        "retention": "Until you withdraw your consent, and one year after your last answer at the longest.",
    },
    "statistics": {
        "summary": "We count deliveries by region for the official statistics.",
        "recipients": "The statistical office receives counts only, from which nobody can be recognised.",
        "retention": "One year after the count.",
    },
    "emergency_contact": {
        "summary": "We keep a telephone number to call when life or health is in danger.",
        "recipients": "Rescue services, in an emergency.",
        "retention": "One year after you last confirmed it.",
    },
    "profiling": {
        "summary": "We suggest goods that suit what you bought before.",
        "automated": "A profile of your purchases orders the suggestions. It decides nothing else about you.",
        "retention": "Until you withdraw your consent, and one year after your last order at the longest.",
    },
}
