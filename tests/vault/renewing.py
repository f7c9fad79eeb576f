"""What tests of sealed columns do: the owner's key is renewed, and the old one is gone at once."""

from datetime import timedelta
from unittest import mock
from uuid import UUID

from vault import datakeys
from vault.models import DataKey


def under_new_keys(owner: UUID) -> datakeys.Pass:
    """All that is sealed under the owner's key is sealed under a new one alone; what was done."""
    with mock.patch.object(datakeys, "KEPT_FOR", timedelta(0)):
        (step,) = datakeys.renew_person(owner)
        DataKey.objects.filter(owner=owner).update(former_until="2020-01-01T00:00Z")  # whatever the test's clock says
        assert datakeys.settle() == 1
    return step.found
