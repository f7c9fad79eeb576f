"""Wordings that a reviewer looks at twice: a pattern cannot tell whether they mislead. Pure data, see `patterns`."""

from django.utils.translation import gettext_noop

from consent.notices.findings import WARN
from consent.notices.patterns import Rule

HINTS: tuple[Rule, ...] = (
    Rule(
        "conditional",
        WARN,
        gettext_noop("A service is made to depend on consent, or a no has a price."),
        "Art. 7(4), recital 42; EDPB 05/2020, 3.1.2 and 3.1.4",
        {
            "en": (
                r"\byou (?:must|have to|are required to|need to) (?:\w+ )?(?:consent|agree|accept)\b",
                r"\bconsent (?:\w+ )?(?:required|mandatory|compulsory|a condition)\b",
                r"\b(?:without|unless|if you (?:do not|don't|refuse|decline))\b[^.!?]{0,30}\b(?:consent|agree"
                r"|agreeing|accept|refuse)?\w*[^.!?]{0,30}"
                r"\b(?:you|we) (?:\w+ )?(?:cannot|can't|are unable|will not be able|are not able|lose"
                r"|have to pay)\b[^.!?]{0,40}"
                r"\b(?:use|order|offer|provide|deliver|access|serve|register|account|service|pay)",
            ),
            "de": (
                r"\bsie müssen (?:\w+ ){0,4}(?:einwilligen|zustimmen|akzeptieren)",
                r"\b(?:einwilligung|zustimmung) (?:\w+ )?(?:erforderlich|zwingend|voraussetzung)",
                r"\bohne (?:ihre |diese )?(?:einwilligung|zustimmung)\b[^.!?]{0,60}\b(?:nicht"
                r"|kein\w*) (?:\w+ ){0,3}(?:nutz|bestell|liefer|anbiet|anmeld|zugang|konto)",
            ),
            "fr": (
                r"\bvous devez (?:\w+ )?(?:consentir|accepter)",
                r"\bconsentement (?:\w+ )?(?:obligatoire|requis|nécessaire|indispensable)",
                r"\bsans (?:votre |ce |cet )?(?:consentement|accord)\b[^.!?]{0,60}\b(?:ne (?:pouv|pour)\w*"
                r"|impossible)[^.!?]{0,40}"
                r"(?:utilis|command|livr|fourn|accéd|inscri|compte|service)",
            ),
        },
        consent_only=True,
    ),
    Rule(
        "hidden_refusal",
        WARN,
        gettext_noop("Refusing or withdrawing is made harder than saying yes."),
        "Art. 7(3); EDPB 05/2020, 5.2; 03/2022, Longer than necessary",
        {
            "en": (
                r"\b(?:refus|reject|declin|withdraw|object|revok"
                r"|opt(?:ing)? out)\w*\b[^.!?]{0,60}\b(?:by (?:post|letter|registered|fax|phone|telephone"
                r"|calling|mail\b)"
                r"|in writing|in person|write to us|call us|registered (?:letter|mail))",
                r"\b(?:advanced|further|more) (?:settings|options)\b[^.!?]{0,60}\b(?:refus|reject|declin)",
                r"\b(?:accept|agree to) all\b(?![^#]*\b(?:reject|refuse|decline) all\b)",
            ),
            "de": (
                r"\b(?:ablehn|widerruf|widersprech|verweiger)\w*\b[^.!?]{0,60}\b(?:schriftlich|per post"
                r"|per brief|einschreiben|per fax|telefonisch|persönlich)",
                r"\b(?:schriftlich|per post|per brief|einschreiben|per fax"
                r"|telefonisch)\b[^.!?]{0,40}\b(?:ablehnen|widerrufen|widersprechen)",
                r"\balle (?:akzeptieren|annehmen)\b(?![^#]*\balle ablehnen\b)",
            ),
            "fr": (
                r"\b(?:refus|retir|révoqu|oppos)\w*\b[^.!?]{0,60}\b(?:par (?:courrier(?! électronique)|lettre"
                r"|téléphone|fax|voie postale)|par écrit|recommandée?\b|en personne)",
                r"\btout accepter\b(?![^#]*\btout refuser\b)",
            ),
        },
        consent_only=True,
    ),
    Rule(
        "pressure",
        WARN,
        gettext_noop("Haste or scarcity keeps people from deciding freely."),
        "Art. 4(11); EDPB 03/2022, Emotional steering",
        {
            "en": (
                r"\b(?:only|just) (?:today|now|until (?:midnight|tonight)|\d+ (?:left|hours?|minutes?))\b",
                r"\b(?:last|final) chance\b",
                r"\bnow or never\b",
                r"\blimited[- ]time\b",
                r"\bhurry\b",
                r"\b(?:act|agree|consent|accept|decide|confirm) (?:now|immediately|at once|quickly|today)\b",
                r"\bbefore it(?:'s| is) too late\b",
                r"\b(?:don't|do not) (?:miss|wait|hesitate)\b",
                r"\boffer (?:ends|expires)\b",
            ),
            "de": (
                r"\bnur (?:noch )?(?:heute|jetzt|\d+ (?:stunden|minuten|plätze))\b",
                r"\bletzte (?:chance|gelegenheit)\b",
                r"\bjetzt oder nie\b",
                r"\bbeeilen sie sich\b",
                r"\b(?:jetzt|sofort|gleich|umgehend|schnell) (?:zustimmen|einwilligen|akzeptieren|bestätigen)\b",
                r"\bbevor es zu spät ist\b",
                r"\bverpassen sie (?:nicht|nichts|keine)\b",
                r"\bzögern sie nicht\b",
                r"\bangebot endet\b",
            ),
            "fr": (
                r"\b(?:seulement|uniquement) (?:aujourd'hui|maintenant)\b",
                r"\bplus que \d+\b",
                r"\bdernière (?:chance|occasion)\b",
                r"\bmaintenant ou jamais\b",
                r"\bdépêchez[- ]vous\b",
                r"\b(?:acceptez|consentez|confirmez|décidez)(?:-\w+)? (?:vite|maintenant|immédiatement"
                r"|tout de suite|dès)\b",
                r"\bavant qu'il ne soit trop tard\b",
                r"\bne (?:manquez|ratez|tardez|hésitez)\b",
                r"\boffre (?:limitée|se termine)\b",
            ),
        },
        negatable=False,
    ),
    Rule(
        "steering",
        WARN,
        gettext_noop("Praise for yes, regret for no, or a gift: it steers instead of informing."),
        "Art. 4(11); EDPB 03/2022, Emotional steering; 05/2020, 3.1.4",
        {
            "en": (
                r"\b(?:we recommend|recommended|best choice|smart choice"
                r"|the right choice)\b[^.!?]{0,50}\b(?:accept|agree|consent|yes)",
                r"\byou(?:'ll| will| would)? miss (?:out|all)\b",
                r"\bwe(?:'d| would| will|'ll) be (?:so |very )?(?:sad|sorry|disappointed)\b",
                r"\b(?:best|full|optimal|improved) (?:possible )?experience\b",
                r"\b(?:agree|consent|accept|yes)\b[^.!?]{0,50}\b(?:win|discount|voucher|gift|reward|bonus|free)\b",
            ),
            "de": (
                r"\b(?:wir empfehlen|empfohlen)\b[^.!?]{0,50}\b(?:zustimm|einwillig|akzeptier)",
                r"\b(?:sie )?verpassen sonst\b",
                r"\bwir (?:wären|sind) (?:sehr )?(?:traurig|enttäuscht)\b",
                r"\b(?:beste|optimale|volle)[snr]? (?:erlebnis|nutzererlebnis)",
                r"\b(?:zustimm|einwillig|akzeptier)\w*\b[^.!?]{0,50}\b(?:gewinn|rabatt|gutschein|geschenk"
                r"|prämie|gratis)",
                r"\bentgehen ihnen\b",
            ),
            "fr": (
                r"\b(?:nous (?:vous )?recommandons|recommandé)\b[^.!?]{0,50}\b(?:accept|consent)",
                r"\bvous (?:manquerez|raterez|passerez à côté)\b",
                r"\bnous serions (?:très )?(?:triste|déçu)s?\b",
                r"\b(?:meilleure|pleine) expérience\b|\bexpérience (?:optimale|complète)\b",
                r"\b(?:accept|consent)\w*\b[^.!?]{0,50}\b(?:gagn|remise|réduction|bon d'achat|cadeau|prime|gratuit)",
            ),
        },
    ),
    Rule(
        "ambiguous",
        WARN,
        gettext_noop("It leaves open what is done, or what an answer means."),
        "Art. 12(1); WP260 rev.01, Clear and plain language; EDPB 03/2022, Ambiguous wording or information",
        {
            "en": (
                r"\b(?:may|might|could) (?:also )?(?:use|share|pass|disclose|transfer)\b",
                r"\b(?:other|similar|related|further|additional) purposes\b",
                r"\b(?:and so on|among others|etc)\b",
                r"\bdo not (?:wish|want) (?:us )?not to\b",
                r"\b(?:trusted|selected|carefully chosen|certain) (?:partners|third parties)\b",
            ),
            "de": (
                r"\b(?:gegebenenfalls|unter umständen|möglicherweise|eventuell)\b",
                r"\b(?:andere|ähnliche|weitere|sonstige)n? zwecke",
                r"\b(?:usw|etc|und so weiter|unter anderem)\b",
                r"\b(?:ausgewählte|vertrauenswürdige|bestimmte)n? (?:partner|dritte)",
            ),
            "fr": (
                r"\b(?:éventuellement|le cas échéant)\b",
                r"\bpouvons (?:également |aussi )?(?:être amenés|utiliser|partager|transmettre|communiquer)\b",
                r"\b(?:autres|diverses) finalités\b|\bfinalités (?:similaires|connexes)\b",
                r"\b(?:etc|entre autres|et ainsi de suite)\b",
                r"\b(?:partenaires|tiers) (?:sélectionnés|de confiance|choisis)\b",
            ),
        },
    ),
)
