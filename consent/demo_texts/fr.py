"""French."""

COMPONENTS = {
    "email": "Adresse e-mail",
    "given_name": "Prénom",
    "family_name": "Nom de famille",
    "phone": "Numéro de téléphone",
    "postal_address": "Adresse postale",
    "vat_number": "Numéro de TVA",
    "health_note": "Information de santé",
}
TITLES = {
    "newsletter": "Lettre d’information",
    "orders": "Commandes et livraison",
    "fraud_prevention": "Prévention de la fraude",
    "direct_marketing": "Prospection commerciale",
    "tax_records": "Documents fiscaux",
    "health_programme": "Programme de santé",
    "statistics": "Statistique officielle",
    "emergency_contact": "Contact d'urgence",
    "profiling": "Recommandations personnelles",
}
POINTS = {
    "controller": "{name}, {address}. Vous pouvez nous joindre à {contact}.",
    "officer": "Notre délégué à la protection des données répond à vos questions à {officer}.",
    "recipients": (
        "Personne en dehors de notre entreprise. Nos prestataires techniques n'agissent que sur nos"
        " instructions (art. 28 RGPD)."
    ),
    "transfers": "Nous n'envoyons pas ces données hors de l'Espace économique européen.",
    "rights": "Vous pouvez demander l'accès à vos données, leur rectification et la limitation de leur traitement.",
    "withdrawal": (
        "Vous pouvez retirer votre consentement à tout moment, aussi simplement que vous l'avez donné : à la page"
        " « Consentements » de ce portail, en une étape et sans motif. Ce qui a été fait avant le retrait reste licite."
    ),
    "objection": (
        "Vous pouvez vous opposer à tout moment pour des raisons tenant à votre situation ; nous arrêtons alors, sauf"
        " motifs impérieux."
    ),
    "complaint": (
        "Vous pouvez vous plaindre auprès de {authority} ({authority_url}) ou de l'autorité de votre lieu de résidence."
    ),
    "automated": (
        "Aucune décision à votre sujet n'est prise uniquement par des moyens automatisés et aucun profil n'est établi."
    ),
}
BY_BASIS = {
    "consent": {
        "ground": "Nous ne le faisons qu'avec votre consentement (art. 6, par. 1, point a) RGPD).",
        "more_rights": "Vous pouvez demander l'effacement et une copie lisible par machine à emporter.",
        "obligation": "Vous êtes libre de refuser. Un refus n'a aucun inconvénient pour vous.",
    },
    "contract": {
        "ground": "Nous en avons besoin pour exécuter notre contrat avec vous (art. 6, par. 1, point b) RGPD).",
        "more_rights": "Vous pouvez demander l'effacement et une copie lisible par machine à emporter.",
        "obligation": "Le contrat exige ces données. Sans elles, nous ne pouvons pas livrer.",
    },
    "legal_obligation": {
        "ground": "La loi nous y oblige (art. 6, par. 1, point c) RGPD).",
        "more_rights": (
            "Tant que la loi nous oblige à les conserver, nous ne pouvons pas les effacer (art. 17, par. 3, point"
            " b) RGPD)."
        ),
        "obligation": "La loi exige ces données. Sans elles, nous ne pouvons pas établir de facture.",
    },
    "vital_interests": {
        "ground": "Cela protège la vie et la santé en cas d'urgence (art. 6, par. 1, point d) RGPD).",
        "more_rights": "Vous pouvez demander l'effacement.",
        "obligation": "Vous pouvez ne pas l'indiquer. Alors nous ne pourrons joindre personne en cas d'urgence.",
    },
    "public_task": {
        "ground": "C'est nécessaire à une mission d'intérêt public (art. 6, par. 1, point e) RGPD).",
        "more_rights": (
            "Ce qui est nécessaire à la mission publique n'est pas effacé sur demande (art. 17, par. 3, point b) RGPD)."
        ),
        "obligation": "Les données proviennent de votre commande ; vous n'avez rien d'autre à fournir.",
    },
    "legitimate_interests": {
        "ground": "Cela repose sur notre intérêt légitime (art. 6, par. 1, point f) RGPD).",
        "more_rights": "Vous pouvez demander l'effacement.",
        "obligation": "Vous n'avez rien à fournir ; les données proviennent de votre commande.",
    },
}
PURPOSES = {
    "newsletter": {
        "summary": "Nous vous envoyons notre lettre d'information une fois par mois et vous saluons par votre prénom.",
        "recipients": (
            "Acme Mailings GmbH en Allemagne, et seulement si vous activez le partage. Il est désactivé jusque-là."
        ),
        "retention": "Jusqu'au retrait de votre consentement, au plus deux ans après votre dernière réponse.",
    },
    "orders": {
        "summary": "Nous prenons votre commande, la livrons et répondons à vos questions à son sujet.",
        "retention": "Trois ans après la commande, jusqu'à la prescription des droits qui en découlent.",
    },
    "fraud_prevention": {
        "summary": "Nous vérifions si quelqu'un d'autre utilise votre nom ou votre adresse pour commander.",
        "interests": "Nous voulons vous protéger, et nous aussi, du dommage causé par la fraude.",
        "retention": "Un an après la dernière commande.",
    },
    "direct_marketing": {
        "summary": "Nous vous écrivons par courriel au sujet de nos produits semblables à ceux que vous avez achetés.",
        "interests": "Nous voulons dire à nos clients ce que nous proposons d'autre.",
        "objection": (
            "Vous pouvez vous opposer à la prospection à tout moment et sans motif ; nous arrêtons aussitôt (art. 21,"
            " par. 2 RGPD)."
        ),
        "retention": "Jusqu'à votre opposition, au plus deux ans après votre dernière commande.",
    },
    "tax_records": {
        "summary": "Nous conservons les factures avec votre nom, votre adresse et votre numéro de TVA pour le fisc.",
        "recipients": "L'administration fiscale, à sa demande, et notre conseiller fiscal.",
        "retention": "Dix ans à compter de la fin de l'année de la facture (§ 147 du code fiscal allemand, AO).",
    },
    "health_programme": {
        "summary": "Nous notons ce que vous nous dites de votre santé, afin que nos conseils vous conviennent.",
        "ground": (
            "Ce sont des données de santé : nous ne le faisons qu'avec votre consentement explicite (art. 9, par. 2,"
            " point a) RGPD)."
        ),
        "retention": "Jusqu'au retrait de votre consentement, au plus un an après votre dernière réponse.",
    },
    "statistics": {
        "summary": "Nous comptons les livraisons par région pour la statistique officielle.",
        "recipients": "L'office statistique ne reçoit que des totaux, dans lesquels personne n'est reconnaissable.",
        "retention": "Un an après le comptage.",
    },
    "emergency_contact": {
        "summary": "Nous gardons un numéro de téléphone à appeler quand la vie ou la santé est en danger.",
        "recipients": "Les services de secours, en cas d'urgence.",
        "retention": "Un an après votre dernière confirmation.",
    },
    "profiling": {
        "summary": "Nous vous proposons des produits qui conviennent à vos achats précédents.",
        "automated": "Un profil de vos achats ordonne les propositions. Il ne décide de rien d'autre à votre sujet.",
        "retention": "Jusqu'au retrait de votre consentement, au plus un an après votre dernière commande.",
    },
}
