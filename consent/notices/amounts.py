"""The facts in a text that a translation may not change: links, placeholders, dates, periods, numbers. Pure.

Dates become `2026-03-01`, periods `2 year`, whatever language writes them; what one kind took, the next does not see.
"""

import re
from collections import Counter
from collections.abc import Callable

KINDS = ("link", "placeholder", "date", "period", "number")

_LINK = re.compile(r"https?://[^\s<>\"“”»)]+[^\s<>\"“”»).,;:!?]|[\w.+-]+@[\w-]+(?:\.[\w-]+)+", re.IGNORECASE)
_PLACEHOLDER = re.compile(r"\{\{?\s*[\w.]+\s*\}?\}|%\(\w+\)[sd]|\[\[?\s*[A-Z][A-Z _]+\]?\]|<[A-Za-z_ ]+>")
_MONTHS = {
    name: at
    for names in (
        "january february march april may june july august september october november december",
        "januar februar märz april mai juni juli august september oktober november dezember",
        "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    )
    for at, name in enumerate(names.split(), start=1)
}
_MONTH = "|".join(sorted(_MONTHS, key=len, reverse=True))
_DATES: tuple[re.Pattern[str], ...] = (
    re.compile(r"\b(?P<year>\d{4})-(?P<month>\d{1,2})-(?P<day>\d{1,2})\b"),
    re.compile(r"\b(?P<day>\d{1,2})[./]\s?(?P<month>\d{1,2})[./]\s?(?P<year>\d{4})\b"),
    re.compile(
        rf"\b(?P<day>\d{{1,2}})(?:\.|st|nd|rd|th|er)?\s+(?P<name>{_MONTH})\s+(?P<year>\d{{4}})\b", re.IGNORECASE
    ),
    re.compile(rf"\b(?P<name>{_MONTH})\s+(?P<day>\d{{1,2}})(?:st|nd|rd|th)?,?\s+(?P<year>\d{{4}})\b", re.IGNORECASE),
)
_WORDS: dict[str, int] = {
    name: number
    for number, names in {
        1: "one ein eine einem einen einer eines un une a an",
        2: "two zwei deux", 3: "three drei trois", 4: "four vier quatre", 5: "five fünf cinq", 6: "six sechs",
        7: "seven sieben sept", 8: "eight acht huit", 9: "nine neun neuf", 10: "ten zehn dix", 11: "eleven elf onze",
        12: "twelve zwölf douze", 13: "thirteen dreizehn treize", 14: "fourteen vierzehn quatorze",
        15: "fifteen fünfzehn quinze", 18: "eighteen achtzehn dix-huit", 20: "twenty zwanzig vingt",
        24: "twenty-four vierundzwanzig vingt-quatre", 30: "thirty dreißig trente", 36: "thirty-six sechsunddreißig",
        60: "sixty sechzig soixante", 90: "ninety neunzig quatre-vingt-dix",
    }.items()
    for name in names.split()
}  # fmt: skip
_UNITS: dict[str, str] = {
    name: unit
    for unit, names in {
        "hour": "hour hours stunde stunden heure heures",
        "day": "day days tag tage tagen tages jour jours",
        "week": "week weeks woche wochen semaine semaines",
        "month": "month months monat monate monaten monats mois",
        "year": "year years jahr jahre jahren jahres an ans année années",
    }.items()
    for name in names.split()
}
_COUNT, _UNIT = ("|".join(sorted(names, key=len, reverse=True)) for names in (_WORDS, _UNITS))
_PERIOD = re.compile(
    r"(?<!once )(?<!twice )(?<!times )"
    rf"\b(?P<count>\d+|{_COUNT})[\s\u00a0-]+(?:(?:calendar|working|business|full|volle[nrs]?)\s+)?(?P<unit>{_UNIT})\b",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"\d{1,3}(?:[.,\u00a0\u202f' ]\d{3})+(?!\d)|\d+(?:[.,]\d+)?")
_GROUPED = re.compile(r"\d{1,3}(?:[.,\u00a0\u202f' ]\d{3})+")


def amounts(text: str) -> dict[str, Counter[str]]:
    """Kind -> how often each fact stands in the text."""
    rest, found = text, {}
    readers: dict[str, tuple[tuple[re.Pattern[str], ...], Callable[[re.Match[str]], str]]] = {
        "link": ((_LINK,), lambda match: match.group().lower().rstrip("/")),
        "placeholder": ((_PLACEHOLDER,), lambda match: re.sub(r"\s+", "", match.group())),
        "date": (_DATES, _date),
        "period": ((_PERIOD,), _period),
        "number": ((_NUMBER,), _number),
    }
    for kind, (patterns, read) in readers.items():
        found[kind] = Counter[str]()
        for pattern in patterns:
            found[kind].update(read(match) for match in pattern.finditer(rest))
            rest = pattern.sub(" ~ ", rest)
    return found


def _date(match: re.Match[str]) -> str:
    given = match.groupdict()
    month = _MONTHS[given["name"].lower()] if given.get("name") else int(given["month"])
    return f"{int(given['year']):04}-{month:02}-{int(given['day']):02}"


def _period(match: re.Match[str]) -> str:
    count = match["count"].lower()
    return f"{_WORDS.get(count) or int(count)} {_UNITS[match['unit'].lower()]}"


def _number(match: re.Match[str]) -> str:
    """`10,000`, `10.000` and `10 000` are one number, and so are `1.5` and `1,5`."""
    written = match.group()
    if _GROUPED.fullmatch(written):
        return re.sub(r"\D", "", written)
    return written.replace(",", ".")
