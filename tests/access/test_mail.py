"""No mail is lost: not when the server is down, not when the process dies; and what waits shows no address."""

import socket
from collections.abc import Sequence
from datetime import timedelta
from smtplib import SMTPRecipientsRefused, SMTPServerDisconnected
from typing import Any

import pytest
from django.core import mail as django_mail
from django.core.mail.backends.locmem import EmailBackend
from django.core.mail.message import EmailMessage
from django.db import transaction

from access.models import OutgoingMail
from access.services import mail
from access.services.housekeeping import purge_expired
from gdpr_portal import breakers
from vault.aead import Tampered

pytestmark = pytest.mark.django_db(transaction=True)
ADDRESS = "ada@canary.example"


class Refusing(EmailBackend):
    """A server that takes mail for everybody but one."""

    def send_messages(self, messages: Sequence[EmailMessage]) -> int:  # type: ignore[override]
        if "nobody@canary.example" in messages[0].to:
            raise SMTPRecipientsRefused({"nobody@canary.example": (550, b"no such user")})
        return super().send_messages(messages)


class Leaving(EmailBackend):
    """A server that is gone after two messages."""

    def send_messages(self, messages: Sequence[EmailMessage]) -> int:  # type: ignore[override]
        if len(django_mail.outbox) == 2:
            raise SMTPServerDisconnected("gone")
        return super().send_messages(messages)


@pytest.fixture
def server_down(settings: Any) -> None:
    """The settings name a port at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        settings.EMAIL_PORT = free.getsockname()[1]
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST = "127.0.0.1"


def later(to: str = ADDRESS) -> None:
    mail.send_mail_later("password_changed", to=to, language="de")


def test_it_goes_out_with_the_commit_and_its_row_is_gone() -> None:
    with transaction.atomic():
        later()
        assert OutgoingMail.objects.count() == 1 and not django_mail.outbox
    assert django_mail.outbox[0].to == [ADDRESS] and not OutgoingMail.objects.exists()
    assert django_mail.outbox[0].extra_headers["Content-Language"] == "de"


@pytest.mark.parametrize(
    ("address", "domain"),
    [
        ("rita@straße.example", "xn--strae-oqa.example"), ("rita@σας.example", "xn--mxa8ab.example"),
        ("rita@bücher.example", "xn--bcher-kva.example"), ("rita@strasse.example", "strasse.example"),
    ],
)  # fmt: skip
def test_it_goes_to_the_very_domain_of_the_address(address: str, domain: str) -> None:
    """As Django writes it, `straße.example` is `strasse.example`: codes and copies went to somebody else (T50)."""
    later(address)
    assert django_mail.outbox[0].to == [f"rita@{domain}"]
    assert django_mail.outbox[0].message()["To"] == f"rita@{domain}"


def test_an_address_without_a_domain_for_servers_is_not_quoted(caplog: Any) -> None:
    """Whoever acted gets their answer all the same."""
    later("rita@\N{SNOWMAN}.example")
    assert not django_mail.outbox and OutgoingMail.objects.count() == 1
    assert "rita" not in caplog.text and "\N{SNOWMAN}" not in caplog.text


def test_an_act_that_is_undone_sends_nothing() -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        later()
        raise ZeroDivisionError
    assert not OutgoingMail.objects.exists() and mail.sweep_mail() == 0 and not django_mail.outbox


def test_a_process_that_dies_after_the_commit_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail, "_send_at_once", lambda mail_ids: None)
    later()
    assert not django_mail.outbox
    assert mail.sweep_mail() == 1 and mail.sweep_mail() == 0
    assert [message.to for message in django_mail.outbox] == [[ADDRESS]]


def test_a_server_that_is_down_delays_it(server_down: None, settings: Any, frozen: Any, caplog: Any) -> None:
    later()
    waiting = OutgoingMail.objects.get()
    assert waiting.tries == 1 and ADDRESS not in caplog.text and "mail.failed kind=password_changed" in caplog.text
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    assert mail.sweep_mail() == 0
    frozen.shift(timedelta(minutes=3))
    assert mail.sweep_mail() == 1 and not OutgoingMail.objects.exists()


def test_while_it_is_down_requests_do_not_wait_for_it(server_down: None, settings: Any) -> None:
    later()
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    later()
    assert not django_mail.outbox and mail.sweep_mail() == 1


def test_one_refused_address_holds_up_nobody(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.EMAIL_BACKEND = f"{__name__}.Refusing"
    monkeypatch.setattr(mail, "_send_at_once", lambda mail_ids: None)
    later("nobody@canary.example")
    later()
    assert mail.sweep_mail() == 1 and OutgoingMail.objects.get().tries == 1


def test_after_three_days_it_is_given_up_and_after_a_week_forgotten(
    server_down: None, frozen: Any, caplog: Any
) -> None:
    later()
    for _hours in range(12 * 14):
        frozen.shift(timedelta(hours=1))
        breakers.forget()  # an hour has passed for it too: every try is made
        mail.sweep_mail()
        if OutgoingMail.objects.exclude(given_up_at=None).exists():
            break
    row = OutgoingMail.objects.get()
    assert row.tries == mail.TRIES and timedelta(days=1) < row.given_up_at - row.created_at < timedelta(days=5)
    assert "mail.given_up" in caplog.text
    frozen.shift(timedelta(days=8))
    assert purge_expired()["mails"] == 1 and not OutgoingMail.objects.exists()


def test_two_processes_do_not_send_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail, "_send_at_once", lambda mail_ids: None)
    later()
    mail_id = OutgoingMail.objects.get().pk
    assert [each.pk for each in mail._claimed([mail_id])] == [mail_id]
    monkeypatch.setattr(mail, "get_connection", pytest.fail)  # nobody is called for nothing
    assert mail.send([mail_id]) == 0 and mail.sweep_mail() == 0 and not django_mail.outbox


def test_the_row_shows_neither_address_nor_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail, "_send_at_once", lambda mail_ids: None)
    later()
    row = OutgoingMail.objects.get()
    assert mail._message(row).to == [ADDRESS]
    assert ADDRESS.encode() not in bytes(row.sealed) and ADDRESS not in str(row)


def test_sent_again_it_has_the_same_id(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail, "_send_at_once", lambda mail_ids: None)
    later()
    row = OutgoingMail.objects.get()
    assert mail._message(row).extra_headers["Message-ID"] == mail._message(row).extra_headers["Message-ID"]
    assert str(row.pk) in mail._message(row).extra_headers["Message-ID"]


def test_a_server_that_leaves_has_what_it_took_and_the_rest_is_as_if_untried(settings: Any, frozen: Any) -> None:
    settings.EMAIL_BACKEND = f"{__name__}.Leaving"
    several = [f"{name}@canary.example" for name in ("ada", "bea", "cleo", "dora")]
    mail.send_mails_later([mail.Mail("password_changed", to) for to in several])
    assert [message.to[0] for message in django_mail.outbox] == several[:2]
    assert sorted(OutgoingMail.objects.values_list("tries", flat=True)) == [0, 1]
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    frozen.shift(timedelta(hours=1))
    breakers.forget()
    assert mail.sweep_mail() == 2 and sorted(message.to[0] for message in django_mail.outbox) == several


def test_one_that_cannot_be_opened_holds_up_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail, "_send_at_once", lambda mail_ids: None)
    later("broken@canary.example")
    OutgoingMail.objects.update(sealed=b"nonsense")
    later()
    with pytest.raises(Tampered):
        mail.sweep_mail()
    assert mail.sweep_mail() == 1 and django_mail.outbox[0].to == [ADDRESS]


def test_many_go_over_one_connection(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[bool] = []
    monkeypatch.setattr(EmailBackend, "open", lambda _self: opened.append(True))
    mail.send_mails_later([mail.Mail("password_changed", f"p{number}@canary.example") for number in range(25)])
    assert len(django_mail.outbox) == 25 and len(opened) == 3 and not OutgoingMail.objects.exists()


def test_a_slow_server_is_given_no_more_than_the_lease_lasts(
    settings: Any, frozen: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = EmailBackend.send_messages

    def slow(self: Any, messages: Any) -> int:
        frozen.shift(timedelta(seconds=40))
        return plain(self, messages)

    monkeypatch.setattr(EmailBackend, "send_messages", slow)
    mail.send_mails_later([mail.Mail("password_changed", f"p{number}@canary.example") for number in range(4)])
    assert len(django_mail.outbox) == 2 and set(OutgoingMail.objects.values_list("tries", flat=True)) == {0}
    assert mail.sweep_mail() == 2 and not OutgoingMail.objects.exists()
