"""Where personal data may go: the EEA, countries the Commission found adequate (Art. 45), and all others (Art. 46).

Pure, but for the language in force. The list is that of the Commission's page on adequacy decisions, as of
`LOOKED_UP`; whoever changes it changes the date. A decision that covers only a part of the country holds for a
recipient only when its safeguard names that part. Derogations (Art. 49) are no ground for the repeated sharing this
service does.
"""

import re
from datetime import date
from typing import NamedTuple

from django.utils.translation import get_language
from django.utils.translation import gettext as _

from consent.countries import COUNTRIES
from consent.wording import country as country_called

LOOKED_UP = date(2026, 11, 24)

EEA = frozenset({
    "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IS", "IT", "LI", "LT",
    "LU", "LV", "MT", "NL", "NO", "PL", "PT", "RO", "SE", "SI", "SK",
    "AX", "GF", "GP", "MF", "MQ", "RE", "YT",
})  # fmt: skip
"""The Union with the parts of it that have a code of their own (Art. 355(1), (4) TFEU), Iceland, Liechtenstein, Norway.
"""


class Adequacy(NamedTuple):
    """A decision of the Commission: what the safeguard has to name for it to cover a recipient, and its last day."""

    names: str = ""
    until: date | None = None


ADEQUATE: dict[str, Adequacy] = {
    "AD": Adequacy(), "AR": Adequacy(), "BR": Adequacy(), "CA": Adequacy("PIPEDA"), "CH": Adequacy(),
    "FO": Adequacy(), "GB": Adequacy(until=date(2031, 12, 27)), "GG": Adequacy(), "IL": Adequacy(), "IM": Adequacy(),
    "JE": Adequacy(), "JP": Adequacy("APPI"), "KR": Adequacy("PIPA"), "NZ": Adequacy(),
    "US": Adequacy("Data Privacy Framework"), "UY": Adequacy(),
}  # fmt: skip
_SAYS_NONE = re.compile(
    r"[\W_]*(none|no|not|nil|null|nothing|n\W?a|tbd|todo|unknown|yes|keine?|kein\w*|nichts|nein|ja|offen|unbekannt"
    r"|aucune?|rien|non|oui|inconnue?)?([\W_]*(safeguards?|garantien?|garanties?|yet|needed|nötig|necessary))?[\W_]*",
    re.IGNORECASE,
)
"""What a form is filled with by who has none: it protects nobody."""
_SAYS_ADEQUATE = re.compile(r"adequa|adéqua|angemessenheit|art(icle|\.)? *45\b", re.IGNORECASE)


def is_outside(country: str) -> bool:
    """Whether the country is outside the European Economic Area."""
    return country.strip().upper() not in EEA


def flaws(country: str, safeguard: str, day: date) -> list[str]:
    """Why data must not be sent to this country under this safeguard on this day; empty when it may (Art. 44)."""
    code, given = country.strip().upper(), safeguard.strip()
    if code in EEA:
        return []
    if code not in COUNTRIES:
        return [_("“%(code)s” is not a country code of ISO 3166") % {"code": code}]
    if _SAYS_NONE.fullmatch(given):
        return [_nothing_named(code, day)]
    return _not_adequate(code, given, day) if _SAYS_ADEQUATE.search(given) else []


def _nothing_named(code: str, day: date) -> str:
    if _decision(code, day) is None:
        return _("outside the EEA without a safeguard (Art. 44 to 46)")
    return _("outside the EEA without a safeguard (Art. 44 to 46): name the adequacy decision (Art. 45) or another")


def _not_adequate(code: str, safeguard: str, day: date) -> list[str]:
    """What is wrong with relying on an adequacy decision."""
    found = _decision(code, day)
    if found is None:
        words = _("%(country)s: no adequacy decision is in force (Art. 45); name a safeguard of Art. 46")
        return [words % {"country": _called(code)}]
    if found.names.lower() not in safeguard.lower():
        words = _("%(country)s: the adequacy decision covers only recipients under %(law)s; say that this one is")
        return [words % {"country": _called(code), "law": found.names}]
    return []


def _called(code: str) -> str:
    return country_called(code, get_language() or "")


def _decision(code: str, day: date) -> Adequacy | None:
    found = ADEQUATE.get(code)
    return found if found and (found.until is None or day <= found.until) else None
