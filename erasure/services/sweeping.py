"""What sweeps do with rows that are due: each by itself, or all and then each, so that one holds up nobody else's."""

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from typing import TypeVar
from uuid import UUID

from django.db.models import Model
from django.utils import timezone

from vault.services import report_if_tampered

log = logging.getLogger(__name__)
SET_ASIDE = timedelta(minutes=1)
Row = TypeVar("Row")


def together(rows: Sequence[Row], work: Callable[[Sequence[Row]], object], failed: Callable[[Row], object]) -> None:
    """All rows had their turn in one go; when that fails each by itself, and `failed` has what fails even then."""
    try:
        work(rows)
    except Exception as error:  # the edge of a sweep: whose fault it is shows when each is tried alone
        log.warning("rows failed together", extra={"rows": len(rows), "error": type(error).__name__})
        if len(rows) == 1:
            report_if_tampered(error)
            failed(rows[0])
            return
        for row in rows:
            together([row], work, failed)


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
            report_if_tampered(error)
            if aside is not None:
                rows = aside._default_manager.filter(pk=row_id, lease_until=None)
                rows.update(next_at=timezone.now() + SET_ASIDE, last_error=name[:80])
    return done
