"""What a destroyed data key leaves in the files of the database opens with no key of the keyring (threat T38).

A deleted row stays in its page until it is vacuumed, and its bytes may stay in the free space of the page after that:
they are wrapped, and opened by nothing once the master version they lie under is rotated and retired.
"""

import os
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from django.db import connection

from tests.plugins.postgres import server
from vault import envelope, providers, rotation, services
from vault.aead import Tampered
from vault.models import DataKey

pytestmark = [pytest.mark.django_db(transaction=True)]


def relation() -> bytes:
    """The table's file as it lies on the disk, every page written."""
    with connection.cursor() as cursor:
        cursor.execute("CHECKPOINT")
        cursor.execute("SELECT pg_relation_filepath('vault_datakey')")
        (path,) = cursor.fetchone()
    return (Path(server().data) / path).read_bytes()


def opens(owner: UUID, wrapped: bytes, committed: bytes) -> bool:
    """Whether any master key of the keyring opens it, whatever version it says."""
    ring = providers.keyring(fresh=True)
    for known in ring.versions("master"):
        for said in range(1, 4):
            try:
                envelope.unwrap(wrapped, ring.key("master", known), owner=owner, version=said, committed=committed)
            except Tampered:
                continue
            return True
    return False


def test_what_is_left_of_a_destroyed_key_opens_with_no_key_once_its_version_is_retired() -> None:
    if not os.environ.get("TEST_OWN_SERVER"):
        pytest.skip("the server is not ours: its files are not here")
    owners = [uuid4() for _ in range(4)]
    for owner in [uuid4(), *owners]:  # the first one stays, and its page with it
        services.create_data_key(owner)
    rows = {key.owner: (bytes(key.wrapped), bytes(key.commitment)) for key in DataKey.objects.all()}
    for owner in owners:
        services.destroy_data_key(owner)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM vault_datakey")
    left = [owner for owner in owners if rows[owner][0] in relation()]
    assert left, "teeth: vacuum does not wipe the page"
    assert all(opens(owner, *rows[owner]) for owner in left), "teeth: before, it does open"
    assert list(rotation.rotate("master")) == [1, 1]
    rotation.retire("master", 1)
    assert not any(opens(owner, *rows[owner]) for owner in owners)
