"""What other floors want to know about accounts; they register in their `AppConfig.ready()`."""

from collections.abc import Callable

from access.models import Account

account_ready: list[Callable[[Account, str], object]] = []
"""Called with the account and its verified e-mail address, in the transaction in which the account is made."""
language_chosen: list[Callable[[Account], object]] = []
"""Called with the account whose owner chose another language, in the same transaction."""
