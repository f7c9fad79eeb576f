"""What changes about people: registering and claiming, values, restriction, retention, keys. Doors import from here."""

from subjects.services.keys import shred_key, shred_keys
from subjects.services.people import (
    claim_subject,
    link_application,
    lock_known_subject,
    lock_subject,
    lock_subjects,
    look_up_subject,
    mark_all_erased,
    mark_erased,
    register_new,
    register_subject,
    speak_as_chosen,
)
from subjects.services.restrictions import (
    announce_lift,
    answer_for_what_is_kept,
    keep_from_use,
    lift_restriction,
    restrict,
)
from subjects.services.retentions import end_retention, retain
from subjects.services.values import drop_purpose, drop_values, read_values, store_values

__all__ = [
    "announce_lift",
    "answer_for_what_is_kept",
    "claim_subject",
    "drop_purpose",
    "drop_values",
    "end_retention",
    "keep_from_use",
    "lift_restriction",
    "link_application",
    "lock_known_subject",
    "lock_subject",
    "lock_subjects",
    "look_up_subject",
    "mark_all_erased",
    "mark_erased",
    "read_values",
    "register_new",
    "register_subject",
    "restrict",
    "retain",
    "shred_key",
    "shred_keys",
    "speak_as_chosen",
    "store_values",
]
