"""From which age a child may consent alone to an online service, country by country (Art. 8(1)). Pure.

Source: the member states' implementing acts as collected by the European Commission (COM(2020) 264, annex) and the
Fundamental Rights Agency ("Consent to use data on children"). Without a national choice the Regulation says 16.
"""

from datetime import date

DEFAULT_AGE = 16

AGES: dict[str, int] = {
    "AT": 14, "BE": 13, "BG": 14, "CY": 14, "CZ": 15, "DE": 16, "DK": 15, "EE": 13, "ES": 14, "FI": 13, "FR": 15,
    "GR": 15, "HR": 16, "HU": 16, "IE": 16, "IS": 13, "IT": 14, "LI": 16, "LT": 14, "LU": 16, "LV": 13, "MT": 13,
    "NL": 16, "NO": 13, "PL": 16, "PT": 13, "RO": 16, "SE": 13, "SI": 15, "SK": 16,
}  # fmt: skip
"""ISO 3166-1 alpha-2 -> years. Denmark raised its age from 13 to 15 on 1 January 2024."""


def age_of_consent(country: str) -> int:
    """Years; 16 where no country is known or the country made no choice."""
    return AGES.get(country.upper(), DEFAULT_AGE)


def age_on(birth_date: date, day: date) -> int:
    """Completed years. Somebody born on 29 February comes of age on 1 March of a common year."""
    before_birthday = (day.month, day.day) < (birth_date.month, birth_date.day)
    return day.year - birth_date.year - before_birthday


def may_consent_alone(birth_date: date | None, country: str, day: date) -> bool:
    """Whether the person's own word is enough on that day. Without a birth date nothing speaks against it."""
    return birth_date is None or age_on(birth_date, day) >= age_of_consent(country)
