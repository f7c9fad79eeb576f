"""The wordings that a notice must not use, language by language, each with its reason and its source. Pure data.

Written against `text.plain`: straight apostrophes, one blank between words, any case. What
only hints stands in `hints`. Sources: EDPB Guidelines 05/2020
on consent (v1.1, 2020) and 03/2022 on deceptive design patterns (v2.0, 2023), the categories of its annex by name;
CJEU C-673/17 Planet49 and C-61/19 Orange Romania.
"""

from typing import NamedTuple

from django.utils.translation import gettext_noop

from consent.notices.findings import BLOCK


class Rule(NamedTuple):
    """`negatable`: "no box is pre-ticked" says the opposite, and is not meant."""

    code: str
    severity: str
    reason: str
    source: str
    patterns: dict[str, tuple[str, ...]]
    negatable: bool = True
    consent_only: bool = False


BLOCKING: tuple[Rule, ...] = (
    Rule(
        "pre_ticked",
        BLOCK,
        gettext_noop("A box that is ticked beforehand, or must be unticked, is no consent."),
        "Art. 4(11); C-673/17; EDPB 05/2020, 3.4; 03/2022, Deceptive snugness",
        {
            "en": (
                r"\bpre-?(?:ticked|checked|selected)\b",
                r"\balready (?:ticked|checked|selected)\b",
                r"\b(?:ticked|checked|selected|switched on|enabled|activated) by default\b",
                r"\b(?:untick|uncheck|deselect|un-tick|un-check)\b",
            ),
            "de": (
                r"\bvor(?:an)?gekreuzt",
                r"\bvorangehakt",
                r"\bvorausgewählt",
                r"\bvorab (?:angekreuzt|ausgewählt)",
                r"\bbereits (?:angekreuzt|ausgewählt|aktiviert|gesetzt)",
                r"\bstandardmäßig (?:aktiviert|angekreuzt|eingeschaltet)",
                r"\bhäkchen (?:\w+ ){0,3}(?:entfernen|abwählen|weg)",
                r"\b(?:entfernen sie|entferne) (?:\w+ ){0,3}häkchen",
            ),
            "fr": (
                r"\bpré-?(?:coché|sélectionné)",
                r"\bdéjà (?:coché|sélectionné|activé)",
                r"\b(?:coché|activé|sélectionné)e?s? par défaut",
                r"\bdécoch(?:ez|er)\b",
            ),
        },
    ),
    Rule(
        "implied",
        BLOCK,
        gettext_noop("Going on, using the service or keeping silent is no clear affirmative act."),
        "Art. 4(11), recital 32; EDPB 05/2020, 3.4; C-61/19",
        {
            "en": (
                r"\b(?:by|when|if you|whilst|while) (?:\w+ ){0,3}(?:us(?:e|ing)|continu(?:e|ing)|brows(?:e"
                r"|ing)|visit(?:ing)?"
                r"|register(?:ing)?|scroll(?:ing)?|stay(?:ing)?|access(?:ing)?|clos(?:e|ing)|order(?:ing)?"
                r"|proceed(?:ing)?"
                r"|download(?:ing)?|log(?:ging)? in|sign(?:ing)? up)\b[^.!?]{0,80}?\byou (?:\w+ ){0,2}(?:agree"
                r"|consent|accept)",
                r"\byou (?:agree|consent|accept)[^.!?]{0,60}\bby (?:using|continuing|browsing|visiting"
                r"|registering|scrolling|closing)",
                r"\b(?:use|silence|visit|inactivity|registration)\b(?:(?!\bnever\b|\bnot\b|\bno\b)[^.!?]){0,50}\b(?:constitutes?|implies|means"
                r"|signifies|counts as)\b"
                r"[^.!?]{0,40}\b(?:consent|agree\w*|accept\w*)",
                r"\bdeemed to (?:have |be )?(?:\w+ )?(?:agree|consent|accept)",
                r"\b(?:assume|presume|take it) that you (?:agree|consent|accept)",
                r"\b(?:unless|if) you (?:do not |don't )?(?:object|opt out)[^.!?]{0,60}\b(?:agree|consent|accept)\w*",
            ),
            "de": (
                r"\b(?:durch|mit|bei) (?:die |der |dem |das |ihre[rnm]? )?(?:weitere[nr]? |fortgesetzte[nr]? )?"
                r"(?:nutz|benutz|besuch|weitersurf|registrier|anmeld|fortsetz|bestell|schließ"
                r"|verwend)\w*[^.!?]{0,80}?"
                r"\b(?:stimmen|willigen|akzeptieren|erklären) sie",
                r"\bindem sie\b[^.!?]{0,80}\b(?:stimmen|willigen|akzeptieren|erklären) sie",
                r"\bwenn sie\b[^.!?]{0,60}\b(?:nutzen|fortfahren|weitersurfen|bleiben|schließen|bestellen"
                r"|besuchen)\b[^.!?]{0,30}"
                r"\b(?:stimmen|willigen|akzeptieren|erklären) sie",
                r"\bgilt (?:(?!nicht|nie|keine)\w+ ){0,4}als (?:\w+ )?"
                r"(?:einwilligung|zustimmung|einverständnis|erteilt)",
                r"\bgehen wir (?:davon )?(?:\w+ )?(?:aus|von ihrem einverständnis)[^.!?]{0,60}(?:einverstanden"
                r"|zustimmen|einwilligen|$)",
                r"\bsofern sie nicht widersprechen\b[^.!?]{0,80}\b(?:zustimm|einwillig|einverstanden)",
            ),
            "fr": (
                r"\ben (?:utilisant|continuant|poursuivant|naviguant|visitant|vous inscrivant|restant|fermant"
                r"|commandant|faisant défiler)"
                r"\b[^.!?]{0,80}?\bvous (?:\w+ ){0,2}(?:accept|consent|donn|reconnaiss)",
                r"\b(?:la poursuite|l'utilisation|l'inscription|le silence|votre silence"
                r"|votre navigation)\b(?:(?!\bne\b)[^.!?]){0,60}"
                r"\b(?:vaut|constitue|implique|signifie|emporte)\b[^.!?]{0,40}(?:consentement|acceptation|accord)",
                r"\bréputée?s? (?:avoir )?(?:consent|accept|d'accord)",
                r"\b(?:à défaut|en l'absence) d'opposition\b[^.!?]{0,80}(?:consent|accept|accord)",
                r"\bconsidérons que vous (?:accept|consent|êtes d'accord)",
            ),
        },
    ),
    Rule(
        "bundled",
        BLOCK,
        gettext_noop("One yes for several purposes, or together with terms: each purpose has a yes of its own."),
        "Art. 7(2), recitals 32 and 43; EDPB 05/2020, 3.1.3 and 3.2",
        {
            "en": (
                r"\b(?:agree|consent)\w*\b[^.!?]{0,40}\b(?:all (?:of )?(?:the |these |our )?(?:\w+ )?purposes"
                r"|any purpose|everything)\b",
                r"\b(?:accept|agree to)\b[^.!?]{0,30}\b(?:terms|conditions)\b[^.!?]{0,40}\b(?:and"
                r"|including)\b[^.!?]{0,60}"
                r"\b(?:privacy|processing|personal data|data protection|your data)",
                r"\b(?:one|single|this) (?:consent|yes|click) (?:\w+ )?(?:covers|applies to|counts for|is for)\b",
            ),
            "de": (
                r"\b(?:stimm|willig|einwillig|zustimm|einverstanden)\w*\b[^.!?]{0,40}\ball(?:en|e) (?:\w+ )?zwecke",
                r"\b(?:agb|geschäftsbedingungen|nutzungsbedingungen)\b[^.!?]{0,30}\b(?:und|sowie)\b[^.!?]{0,60}"
                r"\b(?:datenschutz|verarbeitung|daten)\w*[^.!?]{0,40}\b(?:zu|akzeptier|einverstanden|an)\w*\b",
                r"\b(?:diese|eine|ihre) (?:einwilligung|zustimmung) (?:gilt|umfasst) (?:auch |zugleich |für alle)",
            ),
            "fr": (
                r"\b(?:accept|consent)\w*\b[^.!?]{0,40}\b(?:toutes (?:les |ces |nos )?(?:\w+ )?finalités"
                r"|l'ensemble des finalités|tous les usages)",
                r"\baccept\w*\b[^.!?]{0,30}\b(?:conditions générales|conditions d'utilisation|cgu"
                r"|cgv)\b[^.!?]{0,30}\b(?:et|ainsi que)\b"
                r"[^.!?]{0,60}\b(?:confidentialité|traitement|données)",
                r"\b(?:ce|un seul|votre) (?:consentement|accord|clic) (?:vaut|couvre|s'applique) (?:aussi "
                r"|également |pour (?:tou|l'ensemble))",
            ),
        },
    ),
    Rule(
        "shaming",
        BLOCK,
        gettext_noop("Saying no is made to look foolish or careless."),
        "Recital 42; EDPB 03/2022, Emotional steering",
        {
            "en": (
                r"\bno,? (?:thanks?,? |thank you,? )?(?:i|we) (?:don't|do not|'d rather|would rather|prefer"
                r"|hate|want to (?:miss|lose|pay))\b",
                r"\bi (?:don't|do not) care (?:about|if|whether)\b",
                r"\bi(?:'d| would) rather (?:miss|pay|stay|not know|be)\b",
                r"\bonly (?:fools?|careless|someone who)\b",
            ),
            "de": (
                r"\bnein,? (?:danke,? )?(?:ich (?:verzichte|will (?:nicht|kein)|möchte (?:nicht|kein|weiter)"
                r"|bleibe lieber|zahle lieber|habe kein)"
                r"|mir (?:ist|sind)\b[^.!?]{0,40}\begal)",
                r"\b(?:ist|sind) mir (?:\w+ )?(?:egal|gleichgültig|nicht wichtig)\b",
            ),
            "fr": (
                r"\bnon,? (?:merci,? )?je (?:préfère|renonce|ne (?:veux|souhaite|tiens)|n'ai pas|me (?:fiche"
                r"|moque)|m'en (?:fiche|moque))",
                r"\bje (?:me|m'en) (?:fiche|moque|désintéresse)\b",
                r"\bm'est (?:bien )?égale?\b",
            ),
        },
        negatable=False,
    ),
    Rule(
        "irrevocable",
        BLOCK,
        gettext_noop("Consent can be withdrawn at any time, and nothing may say otherwise."),
        "Art. 7(3); EDPB 05/2020, 5.2",
        {
            "en": (
                r"\b(?:consent|agreement|choice|answer)\b[^.!?]{0,30}\b(?:irrevocable|irrevocably|final"
                r"|cannot be (?:withdrawn|revoked|changed|undone))",
                r"\birrevocabl[ey] (?:consent|agree)\w*",
                r"\b(?:consent|agree) irrevocably\b",
                r"\b(?:cannot|can't|can not|may not|no longer) (?:\w+ )?(?:withdraw|revoke)\b",
                r"\bno right to (?:withdraw|revoke)\b",
            ),
            "de": (
                r"\bunwiderruflich",
                r"\b(?:kann|können|darf|dürfen)\b[^.!?]{0,40}\bnicht (?:mehr )?(?:widerrufen|zurückgenommen)",
                r"\bkein widerruf",
            ),
            "fr": (
                r"\birrévocable",
                r"\bne (?:peut|pouvez|pourrez|peuvent)(?: pas| plus)? (?:\w+ )?(?:être )?(?:retir|révoqu)",
                r"\bsans possibilité de (?:retrait|retirer|révocation)",
            ),
        },
        negatable=False,
        consent_only=True,
    ),
    Rule(
        "unfinished",
        BLOCK,
        gettext_noop("A blank that nobody filled in: people would read it as it stands."),
        "Art. 12(1)",
        dict.fromkeys(
            ("en", "de", "fr"),
            (
                r"\{\{? ?[\w.]+ ?\}?\}|%\(\w+\)s|\[\[? ?[A-Z][A-Z _]+\]?\]",
                r"\b(?:todo|tbd|tbc|fixme|xxx+|lorem ipsum)\b",
            ),
        ),
        negatable=False,
    ),
)

NEGATIONS = {
    "en": r"\b(?:no|not|never|nothing|none|nor|neither|without|don't|doesn't|isn't|aren't|won't)\b",
    "de": r"\b(?:kein\w*|nicht|nie|niemals|nichts|ohne|weder|noch nie)\b",
    "fr": r"\b(?:ne|n'\w+|pas|jamais|aucune?|sans|ni|rien)\b",
}
WITHDRAWAL = {"en": r"\b(?:withdr[ae]w|revoke)", "de": r"\bwiderr[uie]+f", "fr": r"\b(?:retir(?:er|ez)|retrait|révoqu)"}
