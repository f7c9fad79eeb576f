"""The worker's steps of the vault. Rows are the truth (docs/house.md)."""

from celery import shared_task

from vault import datakeys, ledger


@shared_task(name="vault.tasks.write_lines")
def write_lines() -> None:
    """Lines of the shred ledger whose writer died between commit and file are in the file."""
    ledger.write_lines()


@shared_task(name="vault.tasks.settle_keys")
def settle_keys() -> None:
    """Data keys from before a renewal are gone when their time is over and nothing lies under them."""
    datakeys.settle()
