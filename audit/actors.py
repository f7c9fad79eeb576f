"""Who acted, as the audit log names it: a kind and an opaque reference, never a name or an address."""

from uuid import UUID

SUBJECT = "subject"
"""The data subject in person; which one stands in the event's `subject`."""
PARENT = "parent"
"""Somebody who holds parental responsibility for the data subject, who is a child (Art. 8(2))."""

REPRESENTATIVE = "representative"
"""Somebody who acts for the data subject by a mandate (Art. 80(1)); which mandate stands in the event's details."""


def application(slug: str) -> str:
    """A business application or recipient, by its slug."""
    return f"application:{slug}"


def account(account_id: UUID) -> str:
    """A person signed in to the portal, by the opaque id of the account: before they are known as a subject."""
    return f"account:{account_id}"


def staff(account_id: UUID) -> str:
    """A signed-in member of staff (IRM, QA, operator), by the opaque id of the account."""
    return f"staff:{account_id}"


def system(name: str) -> str:
    """The service itself, by the part that acted: `worker`, `scheduler`, `web`, `command`."""
    return f"system:{name}"
