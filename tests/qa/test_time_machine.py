"""The time machine at the desk: what stood at a moment, in the words of then, by what was known when; always logged."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone, translation

from consent import explain
from consent.decide import RULES
from consent.models import Purpose
from consent.qa import words
from consent.services import review
from subjects.services import restrict
from tests.consent.people import answer, share, wording
from tests.consent.test_review import approved, copy_of

pytestmark = pytest.mark.usefixtures("catalogue")


@pytest.fixture
def ask(shop, alice):
    """The page's answer, from the desk of somebody."""

    def asked(who, at=None, **more):
        at = at or timezone.now()
        given = {
            "application": "shop", "person": str(alice.id_for(shop)), "purpose": "newsletter", "reason": "complaint",
            "at": at if isinstance(at, str) else at.strftime("%Y-%m-%d %H:%M:%S.%f+00:00"),
        } | more  # fmt: skip
        return who.browser().post(reverse("admin:qa_time_machine"), given)

    return asked


def code(page):
    return page.context["past"].verdict.code


def test_each_moment_is_answered_as_it_was_with_the_exact_words_of_then(ask, quentin, alice, olga, rita):
    before = timezone.now()
    old = wording()
    answer(alice.subject, "give")
    given = timezone.now()
    share(alice.subject, True)
    shared = timezone.now()
    new = copy_of(Purpose.objects.get(slug="newsletter"), olga)
    review.publish(item=approved(new, olga, rita), actor=rita.account)
    outdated = timezone.now()
    restrict(subject=alice.subject, ground="legal_claims", request=None, actor="subject")
    moments = (before, given, outdated, timezone.now())
    assert [code(ask(quentin, at)) for at in moments] == [
        "consent_missing", "allowed", "notice_outdated", "restricted",
    ]  # fmt: skip
    assert [code(ask(quentin, at, recipient="acme")) for at in (given, shared)] == ["sharing_off", "allowed"]
    page = ask(quentin, outdated)
    past = page.context["past"]
    assert (past.answered.digest, past.live.notice.version) == (old.digest, 2)
    assert past.answered.digest in page.content.decode() and past.live.digest in page.content.decode()
    assert past.answered.body in page.content.decode().replace("&#x27;", "'").replace("&quot;", '"')


def test_what_arrived_late_counts_by_when_it_was_given_or_by_when_it_was_known(ask, quentin, alice, frozen):
    given = timezone.now()
    frozen.shift(timedelta(days=3))
    answer(alice.subject, "withdraw", at=given + timedelta(days=1), channel="import")
    asked = given + timedelta(days=2)
    assert code(ask(quentin, asked)) == "consent_withdrawn"
    assert code(ask(quentin, asked, known_at=asked.strftime("%Y-%m-%d %H:%M:%S+00:00"))) == "consent_missing"


def test_the_periods_are_drawn_and_stand_in_a_table(ask, quentin, alice):
    answer(alice.subject, "give")
    answer(alice.subject, "withdraw")
    page = ask(quentin, recipient="acme")
    stood = [period.stood.consent for period in page.context["past"].periods]
    assert [each for at, each in enumerate(stood) if at == 0 or stood[at - 1] != each][-3:] == [
        "never_asked", "given", "withdrawn",
    ]  # fmt: skip
    chart = page.context["chart"]
    bars = [bar for _name, stretches in chart.rows for bar in stretches]
    assert len(chart.rows) == 5 and all(0 <= bar.x <= 1000 and bar.width > 0 for bar in bars)
    assert '<div class="past-chart"' in page.content.decode() and "style=" not in page.content.decode()
    assert page.content.decode().count("<tr>") > len(page.context["past"].periods)


def test_the_page_says_it_in_the_language_of_who_asks(ask, quentin, alice):
    english = ask(quentin).context["steps"]
    assert "the standing consent is never asked" in [step.saw for step in english]
    assert english[-1].refused and not english[0].refused
    with translation.override("de"):
        german = [str(explain.QUESTIONS[rule.code]) for rule in RULES]
    assert len(set(german)) == len(RULES) == len(explain.QUESTIONS)


def test_every_look_is_in_the_log_with_its_reason(ask, quentin, alice, audit_log):
    at = timezone.now()
    ask(quentin, at)
    [event] = audit_log("history.looked_at")
    assert (event.subject, event.purpose, event.actor) == (
        alice.subject.pseudonym, "newsletter", f"staff:{quentin.account.pk}",
    )  # fmt: skip
    assert event.details["reason"] == "complaint" and event.details["application"] == "shop"
    assert ask(quentin, reason="").context["form"].errors.keys() == {"reason"}
    assert len(audit_log("history.looked_at")) == 1


def test_the_pseudonym_of_the_log_finds_the_person_and_a_strange_reference_nobody(ask, quentin, alice, bob, acme):
    assert code(ask(quentin, person=str(alice.subject.pseudonym))) == "consent_missing"
    for strange in (str(alice.subject.pk), "00000000-0000-4000-8000-000000000000"):
        assert ask(quentin, person=strange).context["form"].errors.keys() == {"person"}
    assert ask(quentin, application="acme").context["form"].errors.keys() == {"person"}


def test_the_future_is_not_looked_at(ask, quentin):
    later = timezone.now() + timedelta(hours=1)
    assert ask(quentin, later).context["form"].errors.keys() == {"at"}
    assert ask(quentin, known_at=later.strftime("%Y-%m-%d %H:%M+00:00")).context["form"].errors.keys() == {"known_at"}


def test_irm_and_qa_look_and_others_are_refused(ask, rita, quentin, olga, alice, audit_log):
    assert ask(rita).status_code == ask(quentin).status_code == 200
    assert ask(olga).status_code == 403
    assert ask(alice).status_code in {302, 403}
    assert len(audit_log("history.looked_at")) == 2


def test_every_rule_has_its_question_and_every_code_its_words():
    assert explain.QUESTIONS.keys() == {rule.code for rule in RULES}
    assert words.CODES.keys() == {*explain.QUESTIONS, "allowed"}


def test_a_moment_is_typed_in_the_zone_in_which_the_page_tells_it(ask, quentin, alice, settings):
    answer(alice.subject, "give")
    with timezone.override(settings.CONTROLLER_TIME_ZONE):
        local = timezone.localtime()
    page = ask(quentin, local.strftime("%Y-%m-%d %H:%M:%S.%f"))
    assert code(page) == "allowed" and f"{local:%H:%M:%S}" in page.content.decode()
    assert "Local time, Europe/Berlin." in page.content.decode()
