"""What sweeps do with rows that are due: each by itself, so that one that cannot be done holds up nobody else's."""

import logging
import time
from collections.abc import Callable, Iterable
from datetime import timedelta
from uuid import UUID

from django.db.models import Model
from django.utils import timezone

log = logging.getLogger(__name__)
SET_ASIDE = timedelta(minutes=1)


def each(
    ids: Iterable[UUID],
    work: Callable[[UUID], object],
    *,
    aside: type[Model] | None = None,
    seconds: float | None = None,
) -> int:
    """Every row had its turn, until the seconds are over; returns of how many `work` said that it was done.

    A row whose work raised is due again in a minute, with the reason in it, where `aside` says which rows they are.
    """
    done, ends = 0, None if seconds is None else time.monotonic() + seconds
    for row_id in ids:
        if ends is not None and time.monotonic() >= ends:
            break
        try:
            done += bool(work(row_id))
        except Exception as error:  # the edge of a sweep: whatever is wrong with this row, the others go on
            name = type(error).__name__
            log.warning("row set aside", extra={"row": str(row_id), "error": name})
            if aside is not None:
                rows = aside._default_manager.filter(pk=row_id, lease_until=None)
                rows.update(next_at=timezone.now() + SET_ASIDE, last_error=name[:80])
    return done
