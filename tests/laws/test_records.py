"""No act on personal data without its event: every service that writes rows records, or says why not (I5, R64)."""

from pathlib import Path

import pytest

from tests.laws.call_graph import Sources

PACKAGES = ("access", "subjects", "consent", "erasure", "vault", "audit", "gdpr_portal")
COUNTS = "counts of tries, by keyed digest; what was refused is recorded by who asked"
CODE = "a code on its way; what it leads to (sign-up, sign-in, reset) is recorded"
FACTOR = "the device's own counter; the sign-in, step-up or enrolment it belongs to is recorded"
LINK = "a link on its way; the question it leads to, and its answer, are recorded"
MAIL = "a message on its way, gone once it is sent; the act it tells of is recorded"
PART = "one part of an act that its callers record: "
WORK = "the course of the work, in the row itself; its outcome is recorded: "

EXCEPTIONS = {
    "access.services.accounts.set_language": "a preference of the pages, of one's own",
    "subjects.services.people.speak_as_chosen": "the same preference, for mails and copies",
    "access.services.factors.add_totp": FACTOR,
    "access.services.factors.pending_totp": FACTOR,
    "access.services.factors.tell": MAIL,
    "access.services.factors.use_recovery_code": FACTOR,
    "access.services.factors.verify_totp": FACTOR,
    "access.services.limits.forget": COUNTS,
    "access.services.limits.give_back": COUNTS,
    "access.services.limits.purge": COUNTS,
    "access.services.limits.take": COUNTS,
    "access.services.lost_factor.opened": COUNTS,
    "access.services.mail_links.count_try": COUNTS,
    "access.services.mail_links.give_back": COUNTS,
    "access.services.mail_links.row_of": COUNTS,
    "access.services.mail.purge": MAIL,
    "access.services.mail.send": MAIL,
    "access.services.mail.send_mail_later": MAIL,
    "access.services.mail.send_mails_later": MAIL,
    "access.services.mail.sweep_mail": MAIL,
    "access.services.mailcodes.prove_code": CODE,
    "access.services.mailcodes.purge": CODE,
    "access.services.mailcodes.send_code": CODE,
    "access.services.mailcodes.spend_code": CODE,
    "access.services.passkeys.new_challenge": "a question to a passkey; the sign-in, step-up or enrolment is recorded",
    "access.services.passkeys.purge": "questions to passkeys past their time",
    "access.services.signin.send_code": CODE,
    "access.services.staff.purge": CODE,
    "consent.services.attestations.prune_attestations": "old runs of the kit, which name nobody",
    "consent.services.confirmations.forget_unanswered": "addresses that nobody answered from, past their time",
    "consent.services.confirmations.opened": COUNTS,
    "consent.services.deliveries.keep_trying": PART + "request.extended, question.answered",
    "consent.services.feed.prune_changes": "ids without values, written by triggers, past their time",
    "consent.services.reading.read_plainly": "writes data.read and nothing else, in the statement that reads",
    "consent.services.review_rows.move": PART + "component.*, purpose.*, notice.*, recipient.*, contract.*, revision.*",
    "consent.services.sending.claim": WORK + "delivery.sent, delivery.failed",
    "consent.services.sending.close": PART + "delivery.acknowledged, delivery.abandoned, sharing.stopped",
    "erasure.services.archives.forget": PART + "archive.downloaded, archive.revoked, transfer.*",
    "erasure.services.copy_links.link_to": LINK,
    "erasure.services.copy_links.copies_waiting": LINK,
    "erasure.services.copy_links.opened_copy": COUNTS,
    "erasure.services.copy_links.require_code": COUNTS,
    "erasure.services.checking.settle": PART + "archive.built, step.waiting",
    "erasure.services.copies.settle": WORK + "step.done",
    "erasure.services.links.fitting": COUNTS,
    "erasure.services.links.forget_links": LINK,
    "erasure.services.pieces.forget_pieces": "copies of what others hold that came to nothing; nobody saw them",
    "erasure.services.links.link_to": LINK,
    "erasure.services.links.link_to_message": LINK,
    "erasure.services.links.link_to_task": PART + "place.asked, place.reminded",
    "erasure.services.links.opened_link": COUNTS,
    "erasure.services.links.opened_task": COUNTS,
    "erasure.services.mandate_links.mandate_link": LINK,
    "erasure.services.mandate_links.opened_mandate_link": COUNTS,
    "erasure.services.nobody.nobody": "a person who was never here: whatever is written is undone",
    "erasure.services.sweeping.each": WORK + "transfer.*, opendsr.*, step.*",
    "erasure.services.unidentified.forget": LINK,
    "erasure.services.unidentified.opened_unidentified": COUNTS,
    "erasure.services.opendsr_calls.claim": WORK + "step.done, step.failed",
    "erasure.services.opendsr_calls.queue": WORK + "step.waiting, step.done, step.failed",
    "erasure.services.opendsr.notice_changes": WORK + "opendsr.told, opendsr.untold",
    "erasure.services.place_tasks.closed": PART + "step.done",
    "erasure.services.sources.answered": PART + "step.done, step.failed",
    "erasure.services.sources.go_on": PART + "step.done, step.failed",
    "erasure.services.sources.release": WORK + "archive.built",
    "erasure.services.sources.handed_on": PART + "archive.built",
    "erasure.services.claims.claim_together": WORK + "step.done, step.failed",
    "erasure.services.withheld.carried_out": WORK + "withheld.decided, step.done",
    "subjects.services.people.link_application": PART + "subject.identified, data.stored",
    "subjects.services.retentions.retain": PART + "step.retained",
    "subjects.services.values.store_values": PART + "data.stored, data.rectified",
}
"""Services that write and do not record by themselves, each with its reason."""


pytestmark = pytest.mark.xdist_group(__name__)  # reading the sources takes seconds


@pytest.fixture(scope="module")
def sources() -> Sources:
    return Sources(Path(__file__).resolve().parents[2], PACKAGES)


def silent(sources: Sources) -> set[str]:
    """The services that write rows and never come by the log."""
    return {name for name in sources.services if sources.writes(name) and not sources.records(name)}


def test_every_service_that_writes_records(sources: Sources) -> None:
    assert silent(sources) - EXCEPTIONS.keys() == set()


def test_no_exception_has_outlived_its_service(sources: Sources) -> None:
    assert EXCEPTIONS.keys() - silent(sources) == set()


def test_parts_are_only_called_by_services_that_record(sources: Sources) -> None:
    """What is recorded by its callers has callers, and every public one of them does."""
    parts = [name for name, why in EXCEPTIONS.items() if why.startswith(PART)]
    for part in parts:
        callers = [name for name in sources.services if name != part and part in sources.reach(name)]
        assert callers, part
        assert [name for name in callers if not sources.records(name) and name not in EXCEPTIONS] == [], part


def test_the_search_sees_what_the_services_do(sources: Sources) -> None:
    for name in (
        "subjects.services.people.register_subject",
        "consent.services.consents.record_consent",
        "consent.services.deliveries.acknowledge",
        "erasure.services.requests.file_request",
        "erasure.services.steps.run",
    ):
        assert sources.writes(name) and sources.records(name), name
    assert len([name for name in sources.services if sources.writes(name)]) > 80
    assert not sources.writes("consent.services.deliveries.data_of")


def test_a_prepared_statement_that_writes_is_seen_too(tmp_path: Path) -> None:
    (tmp_path / "shop" / "services").mkdir(parents=True)
    (tmp_path / "shop" / "services" / "parts.py").write_text(
        "from audit.services import named\nfrom gdpr_portal.prepared import Prepared\n"
        "_TEXT = 'INSERT INTO row (id) VALUES (%(id)s)'\n_PUT = Prepared(f'WITH a AS ({_TEXT}) SELECT 1')\n"
        "_LOCK = Prepared('SELECT 1 FROM row FOR UPDATE')\n"
        "def quiet():\n    _PUT.one(id=1)\n"
        "def told():\n    _PUT.one(id=1, **named(1))\n"
        "def reads():\n    _LOCK.one()\n"
    )
    (tmp_path / "audit").mkdir()
    (tmp_path / "audit" / "services.py").write_text("def named(*a, **k): ...\n")
    assert silent(Sources(tmp_path, ("shop", "audit"))) == {"shop.services.parts.quiet"}


def test_a_service_that_forgets_is_noticed(tmp_path: Path) -> None:
    package = tmp_path / "shop" / "services"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("from shop.services.parts import quiet, told\n")
    (package / "parts.py").write_text(
        "from audit import services as audit\n"
        "def quiet(row):\n    _keep(row)\n"
        "def told(row):\n    _keep(row)\n    audit.record('x', actor='y')\n"
        "def _keep(row):\n    row.save()\n"
    )
    (tmp_path / "audit").mkdir()
    (tmp_path / "audit" / "services.py").write_text("def record(*a, **k): ...\n")
    assert silent(Sources(tmp_path, ("shop", "audit"))) == {"shop.services.parts.quiet"}
