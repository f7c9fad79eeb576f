"""The desks of governance: what is drafted, what waits for whom, what was approved."""

from consent.admin import catalogue, revisions

__all__ = ["catalogue", "revisions"]
