"""The acts of a review as the desk offers and takes them; `consent.services` decides each of them again."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import QueryDict
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from access import roles
from access.models import Account
from consent import review_states
from consent.models import DataContract, Notice, Revision
from consent.models.governance import ReviewState
from consent.services import comments, delegations, next_versions, review, revisions
from gdpr_portal.errors import Invalid

LABELS = {
    "submit": _("Submit for review"),
    "approve": _("Approve"),
    "send_back": _("Send back"),
    "assign": _("Ask this reviewer"),
    "publish": _("Publish"),
    "schedule": _("Publish at this moment"),
    "unschedule": _("Do not publish by itself"),
    "revise": _("Revise"),
    "retire": _("Retire"),
}
_MOMENT = forms.DateTimeField(input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"])


def perform(name: str, item: Any, account: Account, given: QueryDict) -> Any:
    """The act is done; returns the item to look at next. Raises the service's errors; an unknown act is `Invalid`."""
    act = _ACTS.get(name)
    if act is None:
        raise Invalid("invalid_value", "There is no such act.", status=422)
    return act(item, account, given)


def offered(account: Account, item: Any) -> list[str]:
    """The acts this person has a button for."""
    return [name for name in _possible(item) if _may(account, name, item)]


def why_not(account: Account, item: Any) -> str:
    """Why there is no button to approve, when somebody might look for it."""
    if item.state != ReviewState.IN_REVIEW:
        return ""
    if item.author_id == account.pk:
        return str(_("You wrote this: somebody else has to approve it."))
    if _stands_in_for_author(account, item):
        return str(_("You stand in for whoever wrote this: somebody else has to approve it."))
    return "" if roles.IRM in account.roles else str(_("Only IRM approves."))


def reviewers(item: Any) -> QuerySet[Account]:
    """Whom the item can be given to."""
    active = Account.objects.filter(is_active=True, is_staff=True, groups__name=roles.IRM)
    return active.exclude(pk=item.author_id).order_by("created_at")


def moment(value: str) -> datetime:
    """The moment out of the form, in the service's time zone. Raises `Invalid` (422)."""
    try:
        return _MOMENT.clean(value)
    except ValidationError as wrong:
        raise Invalid("invalid_value", "Give a day and a time.", status=422) from wrong


def _possible(item: Any) -> list[str]:
    found = list(review_states.actions(item.state))
    if item.state == ReviewState.IN_REVIEW:
        found.append("assign")
    if item.state == ReviewState.LIVE and not isinstance(item, Revision):
        found.insert(0, "revise")
    return found


def _may(account: Account, name: str, item: Any) -> bool:
    own = item.author_id == account.pk
    if name == "submit":
        return own and bool(account.roles & review.DRAFTERS)
    if name == "revise":
        return bool(account.roles & review.DRAFTERS)
    if roles.IRM not in account.roles:
        return False
    return name != "approve" or not (own or _stands_in_for_author(account, item))


def _stands_in_for_author(account: Account, item: Any) -> bool:
    return delegations.stands_in(deputy=account, principal_id=item.author_id, at=timezone.now())


def _approve(item: Any, account: Account, given: QueryDict) -> Any:
    digest, acknowledged = given.get("digest", ""), given.get("acknowledged", "")
    return review.approve(item=item, approver=account, digest=digest, acknowledged=acknowledged)


def _assign(item: Any, account: Account, given: QueryDict) -> Any:
    chosen = reviewers(item).filter(pk__in=[given["to"]] if given.get("to") else []).first()
    if given.get("to") and chosen is None:
        raise Invalid("invalid_value", "Choose a reviewer.", status=422)
    return review.assign(item=item, actor=account, to=chosen)


def _comment(item: Any, account: Account, given: QueryDict) -> Any:
    comments.comment(item=item, author=account, text=given.get("text", ""))
    return item


def _revise(item: Any, account: Account, given: QueryDict) -> Any:
    if isinstance(item, Notice):
        return next_versions.begin_next(item=item, author=account)
    if isinstance(item, DataContract):
        return next_versions.begin_next(item=item, author=account)
    return revisions.begin_revision(thing=item, author=account)


_ACTS: dict[str, Callable[[Any, Account, QueryDict], Any]] = {
    "submit": lambda item, account, given: review.submit(item=item, actor=account),
    "approve": _approve,
    "send_back": lambda item, account, given: review.send_back(item=item, reviewer=account, note=given.get("note", "")),
    "assign": _assign,
    "comment": _comment,
    "publish": lambda item, account, given: review.publish(item=item, actor=account),
    "schedule": lambda item, account, given: review.schedule(
        item=item, actor=account, at=moment(given.get("when", ""))
    ),
    "unschedule": lambda item, account, given: review.unschedule(item=item, actor=account),
    "revise": _revise,
    "retire": lambda item, account, given: review.retire(item=item, actor=account),
}
