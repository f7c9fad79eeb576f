"""The same work for somebody nobody knows as for somebody known, so that no clock tells a stranger which (T11)."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from django.db import transaction

from gdpr_portal.errors import DomainError
from subjects.models import Subject
from vault import services as vault


@contextmanager
def nobody() -> Iterator[Subject]:
    """A person who was never here, with a key of their own; whatever the block does is undone (CWE-208)."""
    with suppress(DomainError), transaction.atomic():
        subject = Subject.objects.create()
        vault.create_data_key(subject.pk)
        yield subject
        transaction.set_rollback(True)
