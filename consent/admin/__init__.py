"""The desks of governance: what is drafted, what waits for whom, what was approved."""

from consent.admin import catalogue

__all__ = ["catalogue"]
