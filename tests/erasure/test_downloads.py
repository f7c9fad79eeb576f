"""A download that broke off goes on: for the same session, for an hour, in parts (RFC 9110, section 14)."""

import io
import zipfile
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from audit.models import AuditEvent
from erasure.archives import build
from erasure.models import Archive, RightsRequest
from erasure.ranges import Part, Unsatisfiable, asked_part
from erasure.services import archives
from erasure.services.joint_order import copies_waited_for
from tests.erasure.people import file, run_all, store
from tests.erasure.test_joint_cases import ask, one

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("catalogue")]
ETAG = '"sha256:one"'


@pytest.fixture
def asked(alice: Any, shop: Any) -> RightsRequest:
    """Alice's copy, made: several sealed chunks of it."""
    store(shop, alice.subject, "orders", given_name="Alice-Marker")
    request = run_all(file(alice.subject, "access"))
    archive = Archive.objects.get(request=request)
    archive.chunks.all().delete()
    build.store(build.sealed(archive, iter([(bytes(range(251)) * 797)[:200_000]])))
    archive.save()
    return request


def begun(browser: Any, request: RightsRequest) -> tuple[str, bytes]:
    """The download as it begins: where it is, and all of it."""
    opened = browser.post(f"/requests/{request.id}/archive")
    assert opened.status_code == 303
    answered = browser.get(opened["Location"])
    assert answered.status_code == 200 and answered["Accept-Ranges"] == "bytes"
    return opened["Location"], b"".join(answered.streaming_content)


# --- what is asked for ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("bytes=0-0", (0, 1)),
        ("bytes=10-", (10, 100)),
        ("bytes=10-1000", (10, 100)),
        ("bytes=-7", (93, 100)),
        ("bytes=-700", (0, 100)),
        ("Bytes=99-99", (99, 100)),
        ("", None),
        ("bytes=-", None),
        ("bytes=5-4", None),
        ("bytes=0-1,5-6", None),
        ("lines=0-1", None),
        ("bytes=a-b", None),
        ("bytes=\u0661-2", None),
    ],
)
def test_one_range_is_understood_and_anything_else_is_the_whole(wanted: str, found: tuple[int, int] | None) -> None:
    assert asked_part(wanted, "", etag=ETAG, size=100) == (found and Part(*found, 100))


@pytest.mark.parametrize("wanted", ["bytes=100-", "bytes=100-200", "bytes=-0"])
def test_a_range_behind_the_end_cannot_be_satisfied(wanted: str) -> None:
    with pytest.raises(Unsatisfiable):
        asked_part(wanted, "", etag=ETAG, size=100)


@pytest.mark.parametrize("other", ['"sha256:two"', f"W/{ETAG}", "Sun, 29 Nov 2026 12:00:00 GMT", "sha256:one"])
def test_only_the_very_same_archive_goes_on(other: str) -> None:
    assert asked_part("bytes=10-", ETAG, etag=ETAG, size=100) == Part(10, 100, 100)
    assert asked_part("bytes=10-", other, etag=ETAG, size=100) is None


# --- the person -------------------------------------------------------------------------------------------------------
def test_a_download_goes_on_where_it_broke_off(alice: Any, asked: RightsRequest) -> None:
    browser = alice.browser()
    where, whole = begun(browser, asked)
    etag = f'"{Archive.objects.get().digest}"'
    first = browser.get(where, headers={"Range": "bytes=0-70000"})
    rest = browser.get(where, headers={"Range": "bytes=70001-", "If-Range": etag})
    assert (first.status_code, rest.status_code) == (206, 206) and rest["ETag"] == etag
    assert rest["Content-Range"] == f"bytes 70001-{len(whole) - 1}/{len(whole)}"
    got = b"".join(first.streaming_content), b"".join(rest.streaming_content)
    assert int(rest["Content-Length"]) == len(got[1]) and b"".join(got) == whole
    assert AuditEvent.objects.filter(action="archive.downloaded").count() == 1
    assert AuditEvent.objects.filter(action="archive.resumed").count() == 2


def test_another_state_is_sent_whole_and_too_far_is_416(alice: Any, asked: RightsRequest) -> None:
    browser = alice.browser()
    where, whole = begun(browser, asked)
    other = browser.get(where, headers={"Range": "bytes=10-", "If-Range": '"sha256:other"'})
    assert other.status_code == 200 and b"".join(other.streaming_content) == whole
    far = browser.get(where, headers={"Range": f"bytes={len(whole)}-"})
    assert far.status_code == 416 and far["Content-Range"] == f"bytes */{len(whole)}" and not far.content


def test_no_other_session_and_nobody_else_goes_on(alice: Any, bob: Any, asked: RightsRequest) -> None:
    where, _whole = begun(alice.browser(), asked)
    elsewhere = alice.browser().get(where)
    assert elsewhere.status_code == 302 and elsewhere["Location"] == f"/requests/{asked.id}"
    assert bob.browser().get(where).status_code == 404
    forger = alice.browser()
    session = forger.session
    session[f"download_{asked.id}_0"] = "guessed"
    session.save()
    assert forger.get(where).status_code == 410
    assert alice.browser().post(f"/requests/{asked.id}/archive").status_code == 410, "one second factor, one download"


def test_teeth_without_the_digest_any_session_would_go_on(
    alice: Any, asked: RightsRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    where, _whole = begun(alice.browser(), asked)
    monkeypatch.setattr(archives, "_opened_by", lambda *_given: True)
    forger = alice.browser()
    session = forger.session
    session[f"download_{asked.id}_0"] = "guessed"
    session.save()
    assert forger.get(where).status_code == 200


def test_after_its_hour_it_is_over_and_its_chunks_are_gone(alice: Any, asked: RightsRequest, frozen: Any) -> None:
    browser = alice.browser()
    where, _whole = begun(browser, asked)
    archives.expire()
    assert Archive.objects.get().chunks.exists(), "it may still go on"
    frozen.shift(timedelta(hours=1, seconds=1))
    assert browser.get(where).status_code in {302, 410}
    with pytest.raises(archives.Gone):
        archives.continue_download(request=asked, token=browser.session.get(f"download_{asked.id}_0", "x"))
    assert archives.expire() == 1 and not Archive.objects.get().chunks.exists()


def test_it_stops_when_the_archive_expires(alice: Any, asked: RightsRequest) -> None:
    browser = alice.browser()
    where, _whole = begun(browser, asked)
    assert browser.get(where).status_code == 200
    Archive.objects.update(expires_at=timezone.now())
    assert browser.get(where).status_code == 410


def test_it_goes_on_only_so_often(alice: Any, asked: RightsRequest) -> None:
    token = archives.open_download(request=asked)
    Archive.objects.update(window_reads=archives.MOST_READS - 1)
    archives.continue_download(request=asked, token=token)
    with pytest.raises(archives.Gone):
        archives.continue_download(request=asked, token=token)


def test_the_person_deletes_what_they_have_and_it_stops_at_once(alice: Any, asked: RightsRequest) -> None:
    browser = alice.browser()
    where, _whole = begun(browser, asked)
    assert "Go on with the download" in browser.get(f"/requests/{asked.id}").content.decode()
    browser.post(f"/requests/{asked.id}/archive/revoke")
    assert browser.get(where).status_code == 410 and not Archive.objects.get().chunks.exists()
    assert AuditEvent.objects.get(action="archive.revoked").actor == "subject"
    assert "Go on with the download" not in browser.get(f"/requests/{asked.id}").content.decode()


def test_a_reviewer_revokes_before_and_while_it_is_downloaded(alice: Any, rita: Any, asked: RightsRequest) -> None:
    from erasure.admin import desk

    token = archives.open_download(request=asked)
    under_way = archives.continue_download(request=asked, token=token).part(0, 200_000)
    given = {"number": "0"}
    desk.do(name="revoke_archive", request_id=asked.id, account=rita.account, given=given)
    assert AuditEvent.objects.get(action="archive.revoked").actor.startswith("staff:")
    with pytest.raises(archives.Gone):
        archives.continue_download(request=asked, token=token)
    assert len(b"".join(under_way)) <= build.PIECE_BYTES, "what was opened before, and no piece after it"
    with pytest.raises(archives.Gone):
        desk.do(name="revoke_archive", request_id=asked.id, account=rita.account, given=given)


def test_a_stream_under_way_ends_when_it_is_revoked(
    alice: Any, asked: RightsRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "PIECE_BYTES", 50_000)
    token = archives.open_download(request=asked)
    under_way = archives.continue_download(request=asked, token=token).part(0, 200_000)
    assert len(next(under_way)) == 50_000
    archives.revoke_archive(request=asked)
    with pytest.raises(archives.Gone):
        list(under_way)


def test_a_changed_chunk_ends_the_stream_and_is_in_the_log(
    asked: RightsRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "PIECE_BYTES", 50_000)
    token = archives.open_download(request=asked)
    chunks = Archive.objects.get().chunks
    second, third = chunks.filter(position__in=[2, 3]).order_by("position")
    second.sealed, third.sealed = third.sealed, second.sealed  # reordered
    second.save()
    third.save()
    stream = archives.continue_download(request=asked, token=token).part(0, 200_000)
    assert len(next(stream)) == 50_000, "the chunks asked for are opened, no other"
    with pytest.raises(archives.vault.Tampered):
        list(stream)
    assert AuditEvent.objects.filter(action="crypto.tamper").exists()


def test_a_chunk_cut_off_at_the_end_is_refused(asked: RightsRequest) -> None:
    archive = Archive.objects.get()
    archive.chunks.order_by("-position").first().delete()  # type: ignore[union-attr]
    archive.size_bytes = 3 * 65_536  # whoever cuts it off changes the size too
    with pytest.raises(archives.vault.Tampered):
        list(build.opened(archive))


# --- the application --------------------------------------------------------------------------------------------------
def test_an_application_resumes_by_its_token(alice: Any, asked: RightsRequest, shop: Any) -> None:
    _archive, download = archives.collect(request=asked, actor="application:shop", application=shop)
    assert b"".join(download.part(65_535, 65_540)) == b"".join(download)[65_535:65_540]
    assert Archive.objects.get().collected_at is None


# --- the case ---------------------------------------------------------------------------------------------------------
def test_an_erasure_of_the_same_case_waits_for_a_download_that_may_go_on(alice: Any, shop: Any, frozen: Any) -> None:
    store(shop, alice.subject, "orders", given_name="Alice")
    ask(alice.subject, "erasure", "access")
    run_all(one("access"))
    archives.open_download(request=one("access"))
    assert copies_waited_for(one("erasure")), "the line may break off"
    frozen.shift(timedelta(hours=1, seconds=1))
    assert not copies_waited_for(one("erasure"))


def test_the_zip_of_a_download_opens(alice: Any, shop: Any) -> None:
    store(shop, alice.subject, "orders", given_name="Alice-Marker")
    request = run_all(file(alice.subject, "access"))
    _where, whole = begun(alice.browser(), request)
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        assert archive.testzip() is None and "Alice-Marker" in archive.read("data.json").decode()


# --- encrypted for the person alone -----------------------------------------------------------------------------------
def test_a_passphrase_encrypts_the_download_and_is_kept_nowhere(
    alice: Any, asked: RightsRequest, caplog: pytest.LogCaptureFixture
) -> None:
    import pyrage

    browser = alice.browser()
    where, whole = begun(browser, asked)
    answered = browser.post(where, {"passphrase": "Canary-Passphrase 12"})
    sealed = b"".join(answered.streaming_content)
    assert answered["Content-Type"] == "application/octet-stream" and answered["Accept-Ranges"] == "none"
    assert int(answered["Content-Length"]) == len(sealed) and sealed.startswith(b"age-encryption.org/v1\n-> scrypt ")
    assert pyrage.passphrase.decrypt(sealed, "Canary-Passphrase 12") == whole
    assert "Canary-Passphrase" not in caplog.text and "Canary-Passphrase" not in str(dict(browser.session))
    assert "Canary-Passphrase" not in str(list(AuditEvent.objects.values_list("details", flat=True)))


def test_a_recipient_encrypts_it_and_the_second_factor_is_asked_as_ever(alice: Any, asked: RightsRequest) -> None:
    import pyrage

    identity = pyrage.x25519.Identity.generate()
    where, given = f"/requests/{asked.id}/archive", {"recipient": str(identity.to_public())}
    assert alice.browser(fresh=False).post(where, given).status_code == 403
    answered = alice.browser().post(where, given)
    assert pyrage.decrypt(b"".join(answered.streaming_content), [identity]) == b"".join(
        build.opened(Archive.objects.get())
    )


@pytest.mark.parametrize("given", [{"passphrase": "short"}, {"recipient": "age1nobody"}, {"passphrase": "x" * 201}])
def test_what_cannot_encrypt_collects_nothing(alice: Any, asked: RightsRequest, given: dict[str, str]) -> None:
    answered = alice.browser().post(f"/requests/{asked.id}/archive", given)
    assert answered.status_code == 302 and Archive.objects.get().collected_at is None
