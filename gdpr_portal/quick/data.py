"""`GET /api/v1/subjects/{id}/data?purpose=`: a read that is allowed for every field asked for, and its audit event."""

import re
from dataclasses import dataclass
from uuid import UUID

from access.models import Application
from access.rest.converters import IdConverter
from consent.api.data import DataView
from consent.services.reading import read_plainly
from gdpr_portal.quick.bodies import said
from gdpr_portal.quick.route import Route

MOST_FIELDS = 200
_NAME = "[A-Za-z0-9_-]{1,50}"
_QUERY = re.compile(f"purpose=({_NAME})(?:&fields=({_NAME}(?:,{_NAME})*))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Asked:
    """Whose data, by the application's own id, for which purpose; without fields all of the contract."""

    subject: UUID
    purpose: str
    fields: tuple[str, ...] | None


def understand(path: re.Match[str], query: str, _: bytes) -> Asked | None:
    """What a query asks; None for one that the view has to look at."""
    found = _QUERY.fullmatch(query)
    if found is None:
        return None
    names = found[2].split(",") if found[2] else []
    if len(names) > MOST_FIELDS:
        return None
    return Asked(UUID(path[1]), found[1], tuple(dict.fromkeys(names)) or None)


def answer(application: Application, asked: Asked) -> bytes | None:
    """The values, when nothing asked for is withheld."""
    values = read_plainly(application=application, pairwise=asked.subject, purpose=asked.purpose, fields=asked.fields)
    if values is None:
        return None
    return said({"purpose": asked.purpose, "values": values, "withheld": []})


READ = Route(
    name="api/v1/subjects/<id:subject>/data", example=f"/api/v1/subjects/{UUID(int=0)}/data", method="GET",
    path=re.compile(f"/api/v1/subjects/({IdConverter.regex})/data", re.ASCII), scope=DataView.scopes["GET"],
    understand=understand, answer=answer, may_pass_on=True,
)  # fmt: skip
