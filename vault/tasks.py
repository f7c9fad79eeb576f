"""The worker's step of the vault. Rows are the truth (docs/house.md)."""

from celery import shared_task

from vault import ledger


@shared_task(name="vault.tasks.write_lines")
def write_lines() -> None:
    """Lines of the shred ledger whose writer died between commit and file are in the file."""
    ledger.write_lines()
