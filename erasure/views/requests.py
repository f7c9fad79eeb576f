"""The portal pages of rights requests: see, ask, follow, collect; and the public form for people without an account."""

from typing import Any, cast
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils.cache import get_conditional_response
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from access.evenly import evenly
from access.models import Account
from access.saying import saying
from access.second_factor import is_fresh, require_fresh_factor, where
from access.services import limits
from access.services.accounts import mailbox_of
from audit import actors
from erasure import plans
from erasure.forms import FORMS, CodeForm, ErasureForm, NothingMore, PublicForm
from erasure.models import RightsRequest
from erasure.selectors import joint_cases_of_account, request_of_account, requests_of_account
from erasure.services.archives import continue_download, lock_of, open_download, revoke_archive
from erasure.services.clock import stands
from erasure.services.conversation import conversation
from erasure.services.identity import wants_file
from erasure.services.joint import file_after_copies
from erasure.services.joint_order import copies_to_collect
from erasure.services.opinions import fee_asked
from erasure.services.public import ask_without_account
from erasure.services.requests import file_request, verify_request, withdraw_request
from erasure.serving import archive_response, encrypted_response
from erasure.transfer_words import may_be_sent, sending
from erasure.words import PLAIN_WORDS, RequestInWords, described, in_short, joint_in_words
from gdpr_portal.errors import DomainError, Invalid, WrongState
from subjects.models import Subject
from subjects.selectors import subject_of_account

A_PAGE = 25
CONFIRMED_BY_FACTOR = frozenset({"erasure", "access", "portability"})
"""Rights whose request asks for a fresh second factor: they give out or destroy everything (threats T50, T51)."""


@require_GET
def overview(request: HttpRequest) -> HttpResponse:
    """The person's requests with their dates, and what can be asked for."""
    rows = requests_of_account(account_of(request)).prefetch_related("questions")
    shown = Paginator(rows, A_PAGE).get_page(request.GET.get("page"))
    cases = [joint_in_words(case) for case in joint_cases_of_account(account_of(request))]
    context = {"requests": in_short(shown), "shown": shown, "cases": cases, "rights": PLAIN_WORDS}
    return render(request, "erasure/overview.html", context)


@require_http_methods(["GET", "POST"])
def ask(request: HttpRequest, right: str) -> HttpResponseBase:
    """One right: what it means, what it needs; for an erasure, the plan first."""
    subject = subject_of(request)
    if right not in FORMS:
        return redirect("requests")
    if subject is None:
        return render(request, "consent/nobody.html", {"title": PLAIN_WORDS[right]})
    form = _form(request, subject, right)
    if request.method == "POST" and form.is_valid():
        refused = require_fresh_factor(request) if right in CONFIRMED_BY_FACTOR else None
        return refused or _filed(request, subject, right, form)
    return _ask_page(request, subject, right, form)


def account_of(request: HttpRequest) -> Account:
    """Who is signed in; the middleware let nobody else come here."""
    return cast(Account, request.user)


def subject_of(request: HttpRequest) -> Subject | None:
    """Who they are as a person whose data is held; None for staff without data."""
    return subject_of_account(account_of(request))


def _form(request: HttpRequest, subject: Subject, right: str) -> NothingMore:
    given = request.POST if request.method == "POST" else None
    initial = {name: request.GET.get(name, "") for name in ("purpose", "field")}
    form = FORMS[right](given, initial=initial)
    if isinstance(form, ErasureForm) and not copies_to_collect(subject.pk).exists():
        form.no_copy_waits()
    return form


def _ask_page(request: HttpRequest, subject: Subject, right: str, form: NothingMore, status: int = 200) -> HttpResponse:
    context: dict[str, Any] = {
        "right": right,
        "words": PLAIN_WORDS[right],
        "form": form,
        "asks_factor": right in CONFIRMED_BY_FACTOR and not is_fresh(request),
    }
    if right == "erasure":
        context["plan"] = plans.preview(subject)
    return render(request, "erasure/ask.html", context, status=status)


def _filed(request: HttpRequest, subject: Subject, right: str, form: NothingMore) -> HttpResponse:
    try:
        filed = _file(subject, right, form)
    except DomainError as error:
        form.add_error(None, error.in_words)
        return _ask_page(request, subject, right, form, status=422)
    messages.success(request, _("We have received your request."))
    return redirect("request-transfer" if may_be_sent(filed) else "request", request_id=filed.id)


def _file(subject: Subject, right: str, form: NothingMore) -> RightsRequest:
    if form.cleaned_data.get("after_copies"):
        return file_after_copies(subject=subject, details=form.details())
    return file_request(
        subject=subject,
        right=right,
        details=form.details(),
        verified_by=RightsRequest.VerifiedBy.ACCOUNT,
        by_person=True,
        actor=actors.SUBJECT,
    )


@require_GET
def show(request: HttpRequest, request_id: UUID) -> HttpResponseBase:
    """One request: where it stands, until when, step by step, and what came out; to htmx, what changed of it."""
    row = request_of_account(account_of(request), request_id)
    if "HX-Request" in request.headers:
        return _progress(request, described(row))
    context = {"request_row": described(row), "conversation": conversation(row), "question_open": stands(row)}
    context |= {"wants_file": wants_file(row), "sending": sending(row), "fee": fee_asked(row)}
    return render(request, "erasure/request.html", context)


def _progress(request: HttpRequest, row: RequestInWords) -> HttpResponseBase:
    """The parts that tell how far it is, or 304 for a page that shows them as they are (RFC 9110 section 13.1.2)."""
    unchanged = get_conditional_response(request, etag=f'"{row.version}"')
    return unchanged or render(request, "erasure/progress_again.html", {"request_row": row})


@require_POST
def withdraw(request: HttpRequest, request_id: UUID) -> HttpResponse:
    """The request is withdrawn."""
    row = request_of_account(account_of(request), request_id)
    with saying(request, _("Your request is withdrawn.")):
        withdraw_request(request=row, actor=actors.SUBJECT)
    return redirect("request", request_id=request_id)


@require_http_methods(["GET", "POST"])
def archive(request: HttpRequest, request_id: UUID) -> HttpResponseBase:
    """The archive, once: a POST with a fresh second factor opens a download; its GETs, whole or in parts, are for this
    session alone. A GET without one comes back to the request, also from the factor's page.
    """
    row = request_of_account(account_of(request), request_id)
    if request.method == "GET":
        return _download(request, row)
    refused = require_fresh_factor(request)
    if refused is not None:
        return refused
    number = _number(request.POST.get("supplement", ""))
    key = window_key(row, number)
    try:
        lock = lock_of(passphrase=request.POST.get("passphrase", ""), recipient=request.POST.get("recipient", ""))
        if lock is None or key not in request.session:
            request.session[key] = open_download(request=row, number=number)
    except (WrongState, Invalid) as error:
        messages.error(request, error.in_words)
        return redirect("request", request_id=request_id)
    if lock is None:
        return HttpResponseRedirect(f"{request.path}?supplement={number}", status=303)
    return encrypted_response(continue_download(request=row, token=request.session[key], number=number), lock)


def _download(request: HttpRequest, row: RightsRequest) -> HttpResponseBase:
    number = _number(request.GET.get("supplement", ""))
    token = request.session.get(window_key(row, number))
    if token is None:
        return redirect("request", request_id=row.id)
    return archive_response(request, continue_download(request=row, token=token, number=number))


def window_key(row: RightsRequest, number: int) -> str:
    """Where the session keeps what it shows to go on with a download."""
    return f"download_{row.id}_{number}"


@require_POST
def revoke(request: HttpRequest, request_id: UUID) -> HttpResponse:
    """The person wants nobody to have this archive any more, themselves included."""
    row = request_of_account(account_of(request), request_id)
    with saying(request, _("It is deleted. Nobody can download it any more.")):
        revoke_archive(request=row, number=_number(request.POST.get("supplement", "")))
    return redirect("request", request_id=request_id)


def _number(given: str) -> int:
    """Which archive is meant: the copy, unless a supplement is named."""
    return int(given) if given.isascii() and given.isdigit() and len(given) < 5 else 0


@require_GET
def receipt(request: HttpRequest, request_id: UUID) -> HttpResponse:
    """The signed receipt of a finished request."""
    row = request_of_account(account_of(request), request_id)
    if not hasattr(row, "receipt"):
        return redirect("request", request_id=request_id)
    response = HttpResponse(row.receipt.jws, content_type="application/jose")
    response["Content-Disposition"] = 'attachment; filename="receipt.jws"'
    return response


@require_http_methods(["GET", "POST"])
@evenly
def public(request: HttpRequest) -> HttpResponse:
    """The form for people without an account or second factor; the answer is the same for every address."""
    form = PublicForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        email = form.cleaned_data["email"]
        turn = limits.take((limits.ADDRESS, where(request)), (limits.MAIL, f"request:{mailbox_of(email)}"))
        if not turn.wait:
            right, language = form.cleaned_data["right"], get_language() or "en"
            ask_without_account(email=email, right=right, language=language, words=form.wished())
        return render(request, "erasure/public_sent.html", {"form": CodeForm()})
    return render(request, "erasure/public.html", {"form": form})


@require_http_methods(["GET", "POST"])
def public_verify(request: HttpRequest) -> HttpResponse:
    """The code from the mail sets the request going."""
    form = CodeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            found = verify_request(request_id=form.cleaned_data["reference"], code=form.cleaned_data["code"])
            return render(request, "erasure/public_done.html", {"request_row": described(found)})
        except DomainError as error:
            form.add_error("code", error.in_words)
    return render(request, "erasure/public_sent.html", {"form": form, "again": True})
