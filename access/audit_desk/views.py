"""The pages of the audit desk, for IRM and QA: what to keep, one click that verifies, comparing what was kept."""

from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from access import roles
from access.audit_desk import selectors
from access.audit_desk.forms import CompareForm, HeldForm
from access.desks import account_of, for_roles
from access.services.accounts import account_email, actor_of
from access.services.mail import send_mail_later
from audit import compare, held, signing, verifications, witnesses
from audit.models import HeldCopy, Verification
from gdpr_portal.errors import DomainError
from gdpr_portal.wake import wake

DESKS = (roles.IRM, roles.QA)
for_desk = for_roles(DESKS)


def page(request: HttpRequest, template: str, title: str, status: int = 200, **context: Any) -> HttpResponse:
    """A page of the desk in the admin's frame."""
    frame = admin.site.each_context(request) | {"title": title}
    return render(request, f"admin/audit/{template}", frame | context, status=status)


@for_desk
@require_safe
def desk(request: HttpRequest) -> HttpResponse:
    """Checkpoint, copies, holders outside, verifications."""
    return _desk(request, HeldForm(), CompareForm())


def _desk(request: HttpRequest, held_form: HeldForm, compare_form: CompareForm, status: int = 200) -> HttpResponse:
    forms = {"held_form": held_form, "compare_form": compare_form}
    return page(request, "desk.html", _("Audit log"), status, **forms, **selectors.desk())


@for_desk
@require_POST
def download(request: HttpRequest) -> HttpResponse:
    """The latest checkpoint as a file to keep outside."""
    try:
        text = held.take_copy(**_holder(request), way=HeldCopy.Way.DOWNLOADED)
    except DomainError as error:
        return _refused(request, error)
    size = text.split("\n")[1]
    answer = HttpResponse(text, content_type="text/plain; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="audit-{size}.checkpoint"'
    return answer


@for_desk
@require_POST
def mail(request: HttpRequest) -> HttpResponse:
    """The latest checkpoint goes to the reviewer's own address."""
    account = account_of(request)
    try:
        with transaction.atomic():
            text = held.take_copy(**_holder(request), way=HeldCopy.Way.MAILED)
            context = {"note": text, "size": text.split("\n")[1]}
            send_mail_later("checkpoint", to=account_email(account), language=account.language, context=context)
    except DomainError as error:
        return _refused(request, error)
    messages.success(request, _("The checkpoint is on its way to your address. Keep the mail."))
    return redirect("admin:audit_desk")


@for_desk
@require_POST
def push(request: HttpRequest) -> HttpResponse:
    """The holders outside are offered the latest checkpoint now."""
    with transaction.atomic():
        witnesses.push_now()
        wake("audit.tasks.sweep")
    messages.success(request, _("The holders are offered the latest checkpoint now."))
    return redirect("admin:audit_desk")


@for_desk
@require_POST
def verify(request: HttpRequest) -> HttpResponse:
    """The whole log is verified by a worker; the answer leads to its progress and result."""
    row = verifications.ask(actor=actor_of(account_of(request)))
    return redirect("admin:audit_run", row.pk)


@for_desk
@require_POST
def verify_held(request: HttpRequest) -> HttpResponse:
    """The whole log is verified also against checkpoints the reviewer kept."""
    form = HeldForm(request.POST, request.FILES)
    if not form.is_valid():
        return _desk(request, form, CompareForm(), status=422)
    row = verifications.ask(actor=actor_of(account_of(request)), held=form.cleaned_data["notes"])
    return redirect("admin:audit_run", row.pk)


@for_desk
@require_POST
def compare_held(request: HttpRequest) -> HttpResponse:
    """Two checkpoints held against each other, with the proof of what is said."""
    form = CompareForm(request.POST)
    if not form.is_valid():
        return _desk(request, HeldForm(), form, status=422)
    result = compare.compare(*form.cleaned_data["notes"], vkeys=signing.vkeys())
    return page(request, "compared.html", _("Two checkpoints compared"), result=result)


@for_desk
@require_safe
def run(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """One verification: how far it is, or what it found."""
    row = get_object_or_404(Verification, pk=run_id)
    return page(request, "run.html", _("Verification of the log"), run=selectors.told(row))


def _holder(request: HttpRequest) -> dict[str, str]:
    account = account_of(request)
    return {"holder": actor_of(account), "role": next(role for role in DESKS if role in account.roles)}


def _refused(request: HttpRequest, error: DomainError) -> HttpResponse:
    messages.error(request, error.in_words)
    return redirect("admin:audit_desk")
