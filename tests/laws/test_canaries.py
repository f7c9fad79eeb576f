"""A person's strings lie nowhere in clear, and after the erasure nowhere but where a law keeps them (I2, I12, G13)."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings as django_settings
from django.core.cache import cache
from django.db import connection
from django.urls import reverse

from access import roles
from access.models import Account, AccountSession, IdempotencyKey, MailCode
from access.rest.idempotency import Call
from access.services.accounts import account_email
from consent.models import Delivery
from consent.services.deliveries import acknowledge, data_of, evidence_of
from erasure.archives.build import opened as opened_archive
from erasure.models import AccessQuestion, Archive, ArchiveChunk, PlaceTask, RightsRequest, SourceAnswer
from erasure.services import checking, place_tasks, places, steps
from erasure.services.comments import comments_on
from erasure.services.conversation import conversation
from erasure.services.details import opened_details
from erasure.services.files import opened_file
from erasure.services.questions import words_of
from erasure.services.sources import file_place
from erasure.services.sources import opened as opened_answer
from gdpr_portal.errors import Gone
from gdpr_portal.queues import QUEUES
from gdpr_portal.wake import wake
from subjects.models import Identifier
from subjects.selectors import birth_date_of
from subjects.services import read_values
from tests.conftest import make_staff
from tests.erasure.people import sweep_all
from tests.laws.haystack import disguises, found_in, in_database, in_files, needles
from tests.laws.held_fields import HELD
from tests.laws.planted import KEPT, Planted, ask, plant
from vault.models import DataKey
from vault.services import open_secret, subject_key

pytestmark = pytest.mark.django_db(transaction=True)
FIELDS = ["given_name", "email", "phone", "health_note", *KEPT]


class Lines(logging.Handler):
    """Every record of every logger, with all it carries."""

    def __init__(self) -> None:
        super().__init__(level=logging.DEBUG)
        self.text = ""

    def emit(self, record: logging.LogRecord) -> None:
        self.text += f"{record.getMessage()} {record.__dict__!r}\n"


@pytest.fixture(autouse=True)
def log() -> Iterator[Lines]:
    handler, root = Lines(), logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield handler
    root.setLevel(before)
    root.removeHandler(handler)


@pytest.fixture
def planted(
    settings: Any, alice: Any, bob: Any, shop: Any, acme: Any, rita: Any, catalogue: None, client_for: Any
) -> Planted:
    settings.UNDO_WINDOW_SECONDS = 0
    made = plant(alice, shop, acme)
    steps.sweep()
    with asked_by_hand(rita):
        request = ask(made, "access")
    answered(made, request, shop, acme)
    steps.sweep()
    looked_at(rita)
    steps.sweep()
    over_the_doors(made, client_for(shop))
    return made


@contextmanager
def asked_by_hand(rita: Any) -> Iterator[None]:
    """A place run by hand is asked meanwhile, and not afterwards."""
    place = places.declare(
        slug="paper", name="Paper", description="", purposes=["orders"], identifiers=["email", "customer_id"],
        respondent=places.Respondent("Karla", "karla@paper.example"), language="en", days=5, by=rita.account,
    )  # fmt: skip
    places.approve(place_id=place.id, by=make_staff("petra", roles.PRIVACY_OFFICER).account)
    yield
    places.retire(place_id=place.id, by=rita.account)


def answered(made: Planted, request: RightsRequest, *applications: Any) -> None:
    """Everybody who was asked for a copy answers with a string of the person's."""
    made.strings |= {"copy": "Weihe-Kundenakte", "on paper": "Milan-Mappe", "scan": "Bussard-Scan"}
    for application in applications:
        for delivery in Delivery.objects.filter(request=request.id, application=application):
            acknowledge(
                application=application, delivery_id=delivery.pk, outcome="done", evidence={},
                data={"note": made.strings["copy"]},
            )  # fmt: skip
    task = PlaceTask.objects.get(step__request=request)
    scan = b"%PDF-1.7 " + made.strings["scan"].encode()
    place_tasks.told(task, actor="system:respondent")
    place_tasks.answer(
        task_id=task.id, outcome="done", text=made.strings["on paper"], files=[scan], actor="system:respondent"
    )


def looked_at(rita: Any) -> None:
    """A reviewer found nobody else in what the desk noted, so that the copy is handed out."""
    for row in list(checking.queue()):
        checking.decide(checked_id=row.pk, reviewer=rita.account, decision="keep", reason="nobody_else")


def over_the_doors(made: Planted, client: Any) -> None:
    """The same strings once more through API and portal, refusals included, and a hint in the broker's queue."""
    clear = made.strings
    key = {"headers": {"Idempotency-Key": "canary-1"}}
    identifiers = {"email": clear["email"], "phone": clear["phone"], "customer_id": clear["customer_id"]}
    assert client.post("/api/v1/subjects", {"identifiers": identifiers}, **key).status_code == 200
    look_up = {"kind": "email", "value": clear["email"]}
    assert client.post("/api/v1/subjects/lookup", look_up).status_code in {200, 400}
    data = f"/api/v1/subjects/{client_id(made)}/data"
    body = {"purpose": "orders", "values": {"given_name": clear["rectification"]}, "source": "subject"}
    assert client.put(data, body).status_code < 300
    assert client.put(data, body | {"values": {"vat_number": clear["value vat_number"]}}).status_code == 403
    assert client.generic("PUT", data, '{"values": "' + clear["value phone"]).status_code == 400
    wake("consent.tasks.send", str(Delivery.objects.values_list("pk", flat=True)[0]))
    assert hints() > 0
    browser = made.person.browser()
    for page in ("home", "data", "activity", "consent", "sharing", "requests", "security"):
        assert browser.get(reverse(page)).status_code == 200


def hints() -> int:
    """How many messages lie in the broker's queue, read or not."""
    with connection.cursor() as cursor:
        tables = [f"pgmq.{kind}_{queue}" for queue in QUEUES for kind in "qa"]
        cursor.execute(f"SELECT {' + '.join(f'(SELECT count(*) FROM {table})' for table in tables)}")
        return int(cursor.fetchone()[0])


def client_id(made: Planted) -> str:
    from access.models import Application

    return str(made.person.id_for(Application.objects.get(slug="shop")))


def readable(made: Planted) -> str:
    """Everything of the person that the services can open, in one text; parts that are gone are left out."""
    parts: list[Any] = []
    for look in (
        _identity,
        _values,
        _requests,
        _mandates,
        _questions,
        _deliveries,
        _answers,
        _archives,
        _service_sealed,
        _account,
    ):
        try:
            parts.append(look(made))
        except Gone:
            continue
    return repr(parts)


def _identity(made: Planted) -> Any:
    from subjects import cells

    rows = list(Identifier.objects.filter(subject=made.subject).order_by("pk"))
    key = subject_key(made.subject.pk)
    return birth_date_of(made.subject), [key.open(cells.identifier_place(row.pk), bytes(row.sealed)) for row in rows]


def _values(made: Planted) -> Any:
    from subjects.models import PersonalValue

    sources = list(
        PersonalValue.objects.filter(subject=made.subject).order_by("pk").values_list("source_name", flat=True)
    )
    return read_values(subject=made.subject, fields=FIELDS), sources


def _requests(made: Planted) -> Any:
    rows = list(RightsRequest.objects.filter(subject=made.subject).order_by("created_at", "pk"))
    return [(opened_details(row), conversation(row), comments_on(row)) for row in rows]


def _mandates(made: Planted) -> Any:
    from erasure.models import Mandate
    from erasure.services.mandate_words import representative_of

    return [representative_of(row) for row in Mandate.objects.filter(subject=made.subject).order_by("pk")]


def _questions(made: Planted) -> Any:
    return [words_of(row) for row in AccessQuestion.objects.filter(subject=made.subject).order_by("pk")]


def _deliveries(made: Planted) -> Any:
    return [(evidence_of(row), data_of(row)) for row in Delivery.objects.filter(subject=made.subject).order_by("pk")]


def _answers(made: Planted) -> Any:
    rows = list(
        SourceAnswer.objects.filter(step__request__subject_id=made.subject.pk, step__kind="manual").order_by("pk")
    )
    key = subject_key(made.subject.pk)
    files = [
        opened_file(key, file_place(file), bytes(file.sealed)) for row in rows for file in row.files.order_by("pk")
    ]
    return [opened_answer(row.step, row) for row in rows], files


def _archives(made: Planted) -> Any:
    with_chunks = (
        Archive.objects.filter(request__subject_id=made.subject.pk, chunks__isnull=False).order_by("pk").distinct()
    )
    return [len(b"".join(opened_archive(archive))) for archive in with_chunks]


def _account(made: Planted) -> Any:
    from access.services.passkeys import passkeys_of

    rows = Account.objects.filter(pk=made.person.account.pk)
    return [(account_email(row), [each.label for each in passkeys_of(row)]) for row in rows]


def _service_sealed(made: Planted) -> Any:
    """What lies sealed by the service's own keys, which an erasure does not destroy."""
    from access.services import mailcodes

    codes = [open_secret(mailcodes._place(row.id), bytes(row.email_sealed)) for row in MailCode.objects.all()]
    answers = [
        open_secret(Call(row.application, row.method, row.path, row.key, b"").place, bytes(row.body_sealed))
        for row in IdempotencyKey.objects.select_related("application")
    ]
    return codes, answers


def still_sealed(made: Planted) -> set[str]:
    """The columns named `*_sealed` of models with a Holding that still hold something in the person's rows."""
    roads = {"subject": "subject", "request": "request__subject"}
    left = set()
    for label, fields in HELD.items():
        model = apps.get_model(label)
        road = next((roads[each.name] for each in model._meta.local_fields if each.name in roads), "pk")
        for name in [name for name in fields if name.endswith("_sealed")]:
            if model._default_manager.filter(**{road: made.subject.pk}).exclude(**{name: None}).exists():
                left.add(f"{label}.{name}")
    return left


def erase(made: Planted, *applications: Any) -> RightsRequest:
    """The person asks, the worker works, the receivers answer with the person's strings; until it is complete."""
    request = ask(made, "erasure")
    sweep_all()
    for application in applications:
        for delivery in Delivery.objects.filter(request=request.id, application=application):
            acknowledge(
                application=application, delivery_id=delivery.pk, outcome="done",
                evidence={"who": made.strings["email"]}, data={"note": made.strings["data"]},
            )  # fmt: skip
    steps.sweep()
    request.refresh_from_db()
    return request


def in_data_directory(wanted: dict[bytes, str]) -> set[str]:
    """Which of them the relation files hold, once every page was written; nothing where the files are out of reach."""
    from tests.plugins.postgres import server

    with connection.cursor() as cursor:
        cursor.execute("CHECKPOINT")
    folder = server().data / "base"
    return in_files(folder, wanted) if os.environ["TEST_OWN_SERVER"] else set()


# --- before -----------------------------------------------------------------------------------------------------------
def test_every_string_is_there_and_none_lies_in_clear(planted: Planted, log: Lines) -> None:
    text = readable(planted)
    assert [where for where, string in planted.strings.items() if string not in text] == []
    assert still_sealed(planted) >= {"erasure.RightsRequest.details_sealed", "consent.Delivery.evidence_sealed"}
    assert _archives(planted) != []
    wanted = needles(planted.strings)
    by_the_source = {"public.subjects_personalvalue.source_name: source_name"}
    assert in_database(wanted) == by_the_source
    assert found_in(log.text.encode(), wanted) == set()
    assert cache.get(planted.strings["email"]) is None


def test_the_search_finds_what_is_hidden(planted: Planted) -> None:
    """Teeth: each disguise in any kind of column."""
    string = {"planted": "Kestrel-Canary"}
    session = AccountSession.objects.first()
    assert session is not None
    for disguise in disguises(string["planted"]):
        try:
            session.session_data = "x" + disguise.decode("ascii")
        except UnicodeDecodeError:
            continue
        if "\0" in session.session_data:
            continue
        session.save()
        assert in_database(needles(string)) == {"public.access_accountsession.session_data: planted"}
    session.session_data = ""
    session.save()
    chunk = ArchiveChunk.objects.first()
    assert chunk is not None
    chunk.sealed = bytes(chunk.sealed) + string["planted"].encode("utf-16-le")
    chunk.save()
    assert in_database(needles(string)) == {"public.erasure_archivechunk.sealed: planted"}
    assert in_data_directory(needles(string)) or not os.environ["TEST_OWN_SERVER"]


# --- after ------------------------------------------------------------------------------------------------------------
def test_after_the_erasure_nothing_opens_but_what_a_law_keeps(
    planted: Planted, shop: Any, acme: Any, rita: Any, log: Lines
) -> None:
    request = erase(planted, shop, acme)
    assert request.state == "completed", list(request.steps.values_list("kind", "target", "state", "last_error"))
    rita.browser().get(reverse("admin:erasure_rightsrequest_change", args=[request.id]))

    text = readable(planted)
    left = {where for where, string in planted.strings.items() if string in text}
    assert left == {f"value {name}" for name in KEPT} | {"source_name"}
    assert read_values(subject=planted.subject, fields=FIELDS) == KEPT
    assert _archives(planted) == []
    assert still_sealed(planted) == set()

    wanted = needles(planted.strings)
    assert in_database(wanted) <= {"public.subjects_personalvalue.source_name: source_name"}
    assert found_in(log.text.encode(), wanted) == set()
    without_source = {needle: where for needle, where in wanted.items() if where != "source_name"}
    assert in_data_directory(without_source) == set()
    assert in_files(Path(django_settings.RUN_DIR) / "ledger", wanted) == set()
    assert not AccountSession.objects.filter(account_id=planted.person.account.pk).exists()
    assert not DataKey.objects.filter(owner=planted.person.account.pk).exists()


def test_after_the_dates_of_the_law_nothing_opens_at_all(planted: Planted, shop: Any, acme: Any) -> None:
    from django.utils import timezone

    from erasure.services import retentions
    from subjects.models import Retention

    erase(planted, shop, acme)
    Retention.objects.update(until=timezone.now())
    assert retentions.end_due() == 1
    text = readable(planted)
    assert {where for where, string in planted.strings.items() if string in text} == set()
    assert not DataKey.objects.filter(owner=planted.subject.pk).exists()
    assert in_database(needles(planted.strings)) == set()
