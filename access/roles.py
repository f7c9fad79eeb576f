"""The roles of staff, each a group of the same name."""

from collections.abc import Iterable

from django.utils.translation import gettext_lazy as _

IRM = "irm"
QA = "qa"
OPERATOR = "operator"
PRIVACY_OFFICER = "privacy_officer"
ALL = frozenset({IRM, QA, OPERATOR, PRIVACY_OFFICER})
WORDS = {IRM: _("IRM"), QA: _("QA"), OPERATOR: _("Operator"), PRIVACY_OFFICER: _("Privacy officer")}


def in_words(names: Iterable[str]) -> str:
    """What people call these roles, side by side."""
    return ", ".join(str(WORDS.get(name, name)) for name in sorted(names))
