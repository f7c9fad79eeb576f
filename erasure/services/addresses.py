"""Where people are written to about a request, and in which language; also while they are being erased.

When an erasure begins both are sealed into its row, by the service's own key, for the last notice; then they go.
"""

from collections.abc import Callable
from uuid import UUID

from erasure.models import RightsRequest
from erasure.services.mandate_words import representative_address
from subjects.selectors import email_of
from vault import services as vault


def notice_place(request_id: UUID) -> vault.Place:
    """Where the address for the last notice lies, sealed by the service's own key, until that notice is sent."""
    return vault.Place("erasure_rightsrequest", "notice_to_sealed", str(request_id))


def address_of(request: RightsRequest) -> str | None:
    """Where the person can be written to; also while they are being erased, until the last notice."""
    return addresses_with(request, lambda: email_of(request.subject))[0] or None


def addresses_of(request: RightsRequest) -> list[str]:
    """Where the answer goes: to the person, and to a representative whose mandate says so (law.md R27)."""
    return [address for address in addresses_with(request, lambda: email_of(request.subject)) if address]


def language_of(request: RightsRequest) -> str:
    """In which language they are written to; also while they are being erased, until the last notice."""
    return _noted(request)[2] if request.notice_to_sealed is not None else request.subject.language or "en"


def sealed_addresses(request: RightsRequest, own: str | None) -> bytes | None:
    """Addresses and language for the last notice, `own` being the person's, sealed by the service's own key.

    None where there is nobody to write to. Three lines: the person's, the representative's, the language.
    """
    other = representative_address(request)
    lines = [own or "", other if other is not None and other != own else "", request.subject.language or "en"]
    return vault.seal_secret(notice_place(request.id), "\n".join(lines).encode()) if any(lines[:2]) else None


def _noted(request: RightsRequest) -> list[str]:
    """What `sealed_addresses` sealed; before it had a language it had one line or two."""
    plain = vault.open_secret(notice_place(request.id), bytes(request.notice_to_sealed or b"")).decode()
    own, other, language = [*plain.split("\n"), "", ""][:3]
    return [own, other, language or "en"]


def is_here(request: RightsRequest) -> bool:
    """Whether the person's address is asked of their own row, not of what was sealed when they went."""
    return request.notice_to_sealed is None and request.subject.erased_at is None


def addresses_with(request: RightsRequest, email: Callable[[], str | None]) -> list[str]:
    """The person's, empty when there is none, and then the representative's."""
    if request.notice_to_sealed is not None:
        return _noted(request)[:2]
    own = email() if is_here(request) else None
    other = representative_address(request)
    return [own or "", *([other] if other is not None and other != own else [])]
