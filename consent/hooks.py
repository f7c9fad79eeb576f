"""Where higher floors hear of what happens here (docs/house.md: they register in `AppConfig.ready()`)."""

from collections.abc import Callable

from consent.models import Delivery
from subjects.models import Subject

delivery_closed: list[Callable[[Delivery], None]] = []
"""Called inside the transaction that closes a delivery, after its row says how: acknowledged, refused, failed,
abandoned or cancelled. The subject and the delivery are locked then."""

consent_ended: list[Callable[[Subject], None]] = []
"""Called inside the transaction in which a consent that stood was withdrawn or expired, the subject locked: what rested
on it alone is to be proposed for erasure (Art. 17(1)(b))."""
