"""What the service answers, as values. Members a later version adds are ignored; times are aware and in UTC."""

import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import datetime
from functools import cache
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints
from uuid import UUID

T = TypeVar("T")
Action = Literal["give", "refuse", "withdraw"]
Outcome = Literal["done", "nothing_held", "refused", "failed"]
Right = Literal[
    "access", "portability", "erasure", "rectification", "restriction", "objection", "withdraw_consent", "human_review"
]
VerifiedBy = Literal["account", "document", "none"]


@dataclass(frozen=True)
class NoticeRef:
    """Exactly which wording was shown: its version, language and `sha256:` digest."""

    version: int
    language: str
    digest: str


@dataclass(frozen=True)
class Notice:
    """The live wording of a purpose."""

    purpose: str
    version: int
    language: str
    digest: str
    title: str
    body: str
    published_at: datetime

    @property
    def ref(self) -> NoticeRef:
        """What a consent names."""
        return NoticeRef(self.version, self.language, self.digest)


@dataclass(frozen=True)
class Purpose:
    """An approved purpose; `lawful_basis` is one of Art. 6(1), `rights` are those offered under it."""

    slug: str
    title: str
    lawful_basis: str
    fields: list[str]
    retention_days: int | None
    special_category: bool
    recipients: list[str]
    rights: list[str]
    notice: NoticeRef | None


@dataclass(frozen=True)
class Recipient:
    """A third party that data may go to."""

    slug: str
    name: str
    role: str
    country: str
    safeguard: str | None
    purposes: list[str]


@dataclass(frozen=True)
class Registered:
    """A person as just registered; `created` is False when the service knew them."""

    id: UUID
    identifiers: list[str]
    created_at: datetime
    created: bool = False


@dataclass(frozen=True)
class Subject:
    """A person, under this application's own id."""

    id: UUID
    identifiers: list[str]
    language: str | None
    restricted: bool
    created_at: datetime


@dataclass(frozen=True)
class Withheld:
    """A field that is not given, and the code why."""

    field: str
    code: str
    detail: str = ""


@dataclass(frozen=True)
class Data:
    """Values for one purpose, and what was withheld."""

    purpose: str
    values: dict[str, str] = field(repr=False)
    withheld: list[Withheld] = field(default_factory=list)


@dataclass(frozen=True)
class Stored:
    """The fields that were stored for the purpose."""

    purpose: str
    stored: list[str]


@dataclass(frozen=True)
class ConsentEvent:
    """One answer of a person, and where its receipt is."""

    event: UUID
    purpose: str
    action: str
    state: str
    at: datetime
    receipt: str


@dataclass(frozen=True)
class Standing:
    """What holds for one purpose; only `given` permits processing."""

    purpose: str
    recipient: str | None
    state: str
    since: datetime | None
    expires_at: datetime | None
    notice: dict[str, Any] | None


@dataclass(frozen=True)
class Consents:
    """What stands, and everything that was answered."""

    standing: list[Standing]
    history: list[dict[str, Any]]


@dataclass(frozen=True)
class Decision:
    """Whether a use is allowed now, and the deciding code. Ask again after `valid_until`."""

    allowed: bool
    code: str
    basis: str | None = None
    notice_version: int | None = None
    fields: Mapping[str, str] = field(default_factory=dict)
    evaluated_at: datetime | None = None
    valid_until: datetime | None = None
    trace: Sequence[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class DecisionChange:
    """One line of the snapshot or of the feed of changes; `state` is None where nobody is asked for consent."""

    subject: UUID
    purpose: str
    recipient: str | None
    state: str | None
    code: str
    seq: int


@dataclass(frozen=True)
class LastDelivery:
    """How far the latest notice to a recipient got."""

    state: str
    at: datetime | None


@dataclass(frozen=True)
class Share:
    """One switch: whether a purpose's data goes to a recipient."""

    recipient: str
    purpose: str
    shared: bool
    since: datetime | None
    last_delivery: LastDelivery | None


@dataclass(frozen=True)
class Step:
    """One place a rights request has to be carried out in."""

    kind: str
    target: str
    state: str
    article: str | None = None
    until: datetime | None = None


@dataclass(frozen=True)
class RightsRequest:
    """A rights request and how far it is; `due_at` is the statutory date (Art. 12(3)), `reason` why it was refused."""

    id: UUID
    right: str
    state: str
    received_at: datetime
    due_at: datetime
    extended: bool
    steps: list[Step]
    subject: UUID | None = None
    outcome: str | None = None
    reason: str | None = None
    completed_at: datetime | None = None


@dataclass(frozen=True)
class Delivery:
    """A notice to this application, or the state it is in after an acknowledgement."""

    delivery: UUID
    state: str


@dataclass(frozen=True)
class Page:
    """One page of a list; `next` is None on the last one."""

    items: list[Any]
    next: str | None = None
    cursor: str | None = None


def read(kind: type[T], data: Mapping[str, Any]) -> T:
    """The value of this kind out of decoded JSON. KeyError when a member that must be there is missing."""
    wanted: Any = kind
    hints: dict[str, Any] = _hints(wanted)
    return kind(**{name: _value(hint, data[name]) for name, hint in hints.items() if name in data})


@cache
def _hints(kind: Any) -> dict[str, Any]:
    hints = get_type_hints(kind)
    return {each.name: hints[each.name] for each in fields(kind)}


def _value(hint: Any, value: Any) -> Any:
    if value is None:
        return None
    origin = get_origin(hint)
    if origin in (types.UnionType,):
        return _value(next(each for each in get_args(hint) if each is not types.NoneType), value)
    if origin is list and isinstance(value, Sequence):
        return [_value(get_args(hint)[0], each) for each in value]
    if hint is datetime:
        return datetime.fromisoformat(value)
    if hint is UUID:
        return UUID(value)
    return read(hint, value) if isinstance(hint, type) and is_dataclass(hint) else value
