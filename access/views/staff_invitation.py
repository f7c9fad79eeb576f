"""Where a member of staff accepts the invitation: the code, a password, and then a second factor."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from access.forms import InvitationForm
from access.second_factor import where
from access.services import staff
from access.views.common import page, refuse, start_session
from gdpr_portal.errors import DomainError


@require_http_methods(["GET", "HEAD", "POST"])
def accept(request: HttpRequest, invitation_id: UUID, token: str) -> HttpResponse:
    """The page says nothing of whether the link holds: only code and link together do."""
    form = InvitationForm(request.POST or None)
    if form.is_valid():
        given = {"code": form.cleaned_data["code"], "password": form.cleaned_data["password"]}
        try:
            account = staff.accept(invitation_id=invitation_id, token=token, **given, where=where(request))
        except DomainError as error:
            refuse(form, error, "code")
        else:
            start_session(request, account)
            return redirect("signup_totp")
    return page(request, "staff_invitation", form)
