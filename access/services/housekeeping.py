"""What is kept only for a time is gone after it (Art. 5(1)(e)): tokens, answers to keys, counts of tries."""

from access import oauth
from access.rest import idempotency
from access.services import limits


def purge_expired() -> dict[str, int]:
    """Tokens past their time, idempotent answers past 24 hours and old counts of tries are gone; how many of each."""
    return {
        "tokens": oauth.purge_tokens(),
        "idempotency_keys": idempotency.purge_idempotency_keys(),
        "attempts": limits.purge(),
    }
