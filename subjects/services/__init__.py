"""What changes about people: registering and claiming, values, restriction, retention, keys. Doors import from here."""

from subjects.services.keys import shred_key
from subjects.services.people import (
    claim_subject,
    erase_identity,
    link_application,
    lock_subject,
    look_up_subject,
    mark_erased,
    register_subject,
)
from subjects.services.restrictions import announce_lift, lift_restriction, restrict
from subjects.services.retentions import end_retention, retain
from subjects.services.values import drop_purpose, drop_values, read_values, store_values

__all__ = [
    "announce_lift",
    "claim_subject",
    "drop_purpose",
    "drop_values",
    "end_retention",
    "erase_identity",
    "lift_restriction",
    "link_application",
    "lock_subject",
    "look_up_subject",
    "mark_erased",
    "read_values",
    "register_subject",
    "restrict",
    "retain",
    "shred_key",
    "store_values",
]
