"""The way from desk to desk, the same on every page of the admin: desks, then the pages of the desk one is at."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django import template
from django.db.models.options import Options
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from access import roles
from access.models import Account
from gdpr_portal.admin_words import ADDED

register = template.Library()
REVIEWERS = frozenset({roles.IRM, roles.PRIVACY_OFFICER})
LOOKERS = frozenset({roles.IRM, roles.QA})
KEEPERS = frozenset({roles.OPERATOR, roles.PRIVACY_OFFICER})
LOST = frozenset({roles.OPERATOR, roles.IRM})


@dataclass(frozen=True)
class Place:
    """A page of a desk, by the name of its route, and who may open it."""

    label: Promise
    route: str
    allowed: frozenset[str] = roles.ALL

    def url(self) -> str:
        """Where it is."""
        return reverse(f"admin:{self.route}")

    def holds(self, path: str) -> bool:
        """Whether the page at this path is this one or below it."""
        return path.startswith(self.url())


@dataclass(frozen=True)
class Desk:
    """A desk and its pages; the first one a person may open is its front."""

    label: Promise
    places: tuple[Place, ...]


DESKS = (
    Desk(
        _("Requests"),
        (
            Place(_("Rights requests"), "erasure_rightsrequest_changelist"),
            Place(_("Asked by letter"), "erasure_rightsrequest_record", REVIEWERS),
            Place(_("Questions about accesses"), "erasure_accessquestion_changelist", REVIEWERS),
            Place(_("Texts about other people"), "erasure_checkedtext_changelist", REVIEWERS),
            Place(_("Proposals to erase"), "erasure_retentionproposal_changelist", REVIEWERS),
            Place(_("Asked of places run by hand"), "erasure_placetask_changelist"),
        ),
    ),
    Desk(
        _("Registers"),
        (
            Place(_("Breaches"), "erasure_breach_changelist", REVIEWERS),
            Place(_("Evidence packs"), "erasure_evidencepack_changelist", REVIEWERS),
            Place(_("Proofs on paper"), "proofs", REVIEWERS),
            Place(_("Places run by hand"), "erasure_manualplace_changelist", REVIEWERS),
            Place(_("Destinations"), "erasure_destination_changelist", REVIEWERS),
        ),
    ),
    Desk(
        _("Accounts"),
        (
            Place(_("Accounts"), "access_account_changelist", KEEPERS),
            Place(_("People"), "subjects_subject_changelist", KEEPERS),
            Place(_("Lost second factors"), "lost_factors", LOST),
        ),
    ),
    Desk(
        _("Governance"),
        (
            Place(_("What waits for whom"), "review_desk"),
            Place(_("Purposes"), "consent_purpose_changelist"),
            Place(_("Notices"), "consent_notice_changelist"),
            Place(_("Fields collected"), "consent_component_changelist"),
            Place(_("Data contracts"), "consent_datacontract_changelist"),
            Place(_("Recipients"), "consent_recipient_changelist"),
            Place(_("Revisions"), "consent_revision_changelist"),
            Place(_("Absence"), "review_absence"),
            Place(_("Record of processing"), "review_record"),
        ),
    ),
    Desk(
        _("Sharing"),
        (
            Place(_("Overdue confirmations"), "sharing_deliveries"),
            Place(_("Told by hand"), "sharing_by_hand"),
            Place(_("How long a withdrawal takes"), "sharing_latency"),
        ),
    ),
    Desk(
        _("Quality"),
        (
            Place(_("Access matrix"), "qa_matrix", LOOKERS),
            Place(_("Declared and read"), "qa_usage", LOOKERS),
            Place(_("Simulator"), "qa_simulator", LOOKERS),
            Place(_("Time machine"), "qa_time_machine", LOOKERS),
            Place(_("Conformance"), "qa_conformance", LOOKERS),
            Place(_("Findings"), "qa_findings", LOOKERS),
            Place(_("Samples of the log"), "qa_samples", LOOKERS),
        ),
    ),
    Desk(_("Audit log"), (Place(_("Audit log"), "audit_desk", LOOKERS),)),
)


@register.filter
def adding(title: str, opts: "Options[Any]") -> str:
    """`{{ title|adding:opts }}`: what making one of these is called; Django's own words where we have none."""
    return str(ADDED.get(opts.label, title))


@register.inclusion_tag("components/desk_nav.html", takes_context=True)
def desk_nav(context: dict[str, Any]) -> dict[str, Any]:
    """`{% desk_nav %}`: links to what this person may open, and where they are now; nothing for anybody else."""
    request: HttpRequest = context["request"]
    account = request.user
    if not isinstance(account, Account) or not account.is_staff:
        return {"desks": []}
    desks = list(_open_to(account.roles, request.path))
    pages: list[dict[str, Any]] = next((desk["pages"] for desk in desks if desk["is_current"]), [])
    pages = pages if len(pages) > 1 else []
    at_start = request.path == reverse("admin:index")
    here = [each["label"] for each in (*pages, *desks) if each["is_current"]] or [_("Start")] * at_start
    return {"desks": desks, "pages": pages, "at_start": at_start, "here": here[0] if here else None}


def _open_to(held: frozenset[str], path: str) -> Iterator[dict[str, Any]]:
    for desk in DESKS:
        places = [each for each in desk.places if each.allowed & held]
        # /admin/consent/purpose/desk/ is below /admin/consent/purpose/: the longest address is where one is.
        here = max((each for each in places if each.holds(path)), key=lambda each: len(each.url()), default=None)
        if places:
            pages = [{"label": each.label, "url": each.url(), "is_current": each is here} for each in places]
            yield {"label": desk.label, "url": places[0].url(), "is_current": here is not None, "pages": pages}
