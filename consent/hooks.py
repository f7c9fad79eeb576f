"""Where higher floors hear of what happens here (docs/house.md: they register in `AppConfig.ready()`)."""

from collections.abc import Callable

from consent.models import Delivery

delivery_closed: list[Callable[[Delivery], None]] = []
"""Called inside the transaction that closes a delivery, after its row says how: acknowledged, refused, failed,
abandoned or cancelled. The subject and the delivery are locked then."""
