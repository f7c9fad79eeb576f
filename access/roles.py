"""The roles of staff, each a group of the same name."""

IRM = "irm"
QA = "qa"
OPERATOR = "operator"
PRIVACY_OFFICER = "privacy_officer"
ALL = frozenset({IRM, QA, OPERATOR, PRIVACY_OFFICER})
