"""A live wording or contract is written anew from what it says now, reviewed like everything else."""

from typing import TypeVar

from django.db import transaction
from django.db.models import Max, QuerySet

from access.models import Account
from consent.models import DataContract, Notice, NoticeText, Purpose
from consent.models.governance import ReviewState
from consent.models.revisions import OPEN
from consent.services.review import DRAFTERS, record_draft
from consent.services.review_rows import locked
from gdpr_portal.errors import Refused, WrongState

NextT = TypeVar("NextT", Notice, DataContract)


@transaction.atomic
def begin_next(*, item: NextT, author: Account) -> NextT:
    """A draft says what the live wording or contract says; whoever began one already goes on with it.

    A wording is the next version, and asks people again until its author says that it need not (Art. 7(1)). Raises
    `Refused("role_missing")`, `WrongState("wrong_state")` unless it is live, `WrongState("already_revised")` when
    somebody else's draft is under way.
    """
    if not author.roles & DRAFTERS:
        raise Refused("role_missing", "Only irm, qa and operator draft.")
    Purpose.objects.select_for_update().get(pk=item.purpose_id)  # one number a version, and one draft
    row = locked(item)
    if row.state != ReviewState.LIVE:
        raise WrongState("wrong_state", "Only what is live is revised.")
    under_way = _under_way(row).first()
    if under_way is not None:
        if under_way.author_id == author.pk and under_way.state == ReviewState.DRAFT:
            return under_way
        raise WrongState("already_revised", "A revision of it is under way.")
    draft = _next_wording(row, author) if isinstance(row, Notice) else _next_contract(row, author)
    record_draft(item=draft, author=author)
    return draft


def _under_way(row: NextT) -> QuerySet[NextT]:
    same: QuerySet[NextT] = type(row)._default_manager.filter(purpose=row.purpose_id, state__in=OPEN)
    return same if isinstance(row, Notice) else same.filter(application=row.application_id)


def _next_wording(row: Notice, author: Account) -> Notice:
    last = Notice.objects.filter(purpose=row.purpose_id).aggregate(last=Max("version"))["last"]
    draft = Notice.objects.create(purpose=row.purpose, version=last + 1, is_major=True, author=author)
    names = ("language", "title", "body", "digest")
    texts = row.texts.order_by("pk").values(*names)
    NoticeText.objects.bulk_create(NoticeText(notice=draft, **text) for text in texts)
    return draft


def _next_contract(row: DataContract, author: Account) -> DataContract:
    names = ("application_id", "purpose_id", "fields", "reason", "owner", "expires_at")
    return DataContract.objects.create(author=author, **{name: getattr(row, name) for name in names})
