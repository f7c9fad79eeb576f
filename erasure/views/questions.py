"""The portal page on which a person questions one access to their data, and reads what came of it."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from erasure.models import AccessQuestion
from erasure.services import questions
from erasure.services.clock import deadline_for
from erasure.views.requests import account_of
from gdpr_portal.errors import DomainError, Invalid, Missing
from subjects.selectors import subject_of_account


@require_http_methods(["GET", "POST"])
def question(request: HttpRequest, event: UUID) -> HttpResponse:
    """Asked, waiting or answered, with the date by which we owe the answer; entries of others are unknown."""
    subject = subject_of_account(account_of(request))
    if subject is None:
        raise Missing()
    questions.access_entry(subject, event)
    if request.method == "GET":
        return _page(request, AccessQuestion.objects.filter(subject=subject, event=event).first())
    try:
        questions.question_access(subject=subject, event=event, text=request.POST.get("text", ""))
    except Invalid as error:
        return _page(request, None, problem=error.in_words, status=422)
    except DomainError as error:
        messages.error(request, error.in_words)
    return redirect("access_question", event)


def _page(request: HttpRequest, row: AccessQuestion | None, problem: str = "", status: int = 200) -> HttpResponse:
    asked, answer = questions.words_of(row) if row else ("", "")
    context = {
        "row": row, "asked": asked, "answer": answer, "problem": problem, "longest": questions.LONGEST,
        "text": request.POST.get("text", ""), "tone": questions.TONES[row.state] if row else "",
        "because": deadline_for(row.asked_at).because() if row else "",
    }  # fmt: skip
    return render(request, "erasure/question.html", context, status=status)
