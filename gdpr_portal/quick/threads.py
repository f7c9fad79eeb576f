"""What runs beside the requests of a web process, from its first one on: a process forks, if at all, before that."""

from gdpr_portal.quick import remembered
from gdpr_portal.quick.counts import write_counts_on
from gdpr_portal.quick.following import follow_on


def begin_threads() -> None:
    """Counts are written, and the feed is followed where decisions may be remembered."""
    write_counts_on()
    if remembered.is_on():
        follow_on()
