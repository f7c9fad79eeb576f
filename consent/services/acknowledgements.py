"""A reviewer who approves has read what the checks warn of, and says so."""

from consent import reports
from consent.fitness import Item
from consent.models import Notice
from gdpr_portal.errors import Invalid


def require_acknowledged(*, item: Item, acknowledged: str) -> list[str]:
    """What was acknowledged, as the audit log keeps it; empty when nothing is warned of.

    `acknowledged` is bound to the warnings shown (`Report.acknowledgement`). Raises `Invalid("warnings_unread")` when
    it is missing, or when the warnings are others by now.
    """
    if not isinstance(item, Notice):
        return []
    found = reports.report_of(item)
    if found.warnings and acknowledged != found.acknowledgement:
        raise Invalid("warnings_unread", "Read what the checks warn of, and say that you did.", status=422)
    return found.labels
