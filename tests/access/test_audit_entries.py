"""The outsider's verifier reads the log over the API, and finds there what it would find in a dump."""

import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from audit import entries, standalone_verifier
from audit.models import Checkpoint, Cosignature
from tests.audit import fake_witness
from tests.audit.conftest import key, log
from tests.audit.tools import tamper

pytestmark = pytest.mark.django_db(transaction=True)

Fill = Callable[[int], list[uuid.UUID]]
__all__ = ["key", "log"]


@pytest.fixture
def verdict(
    live_server: Any, qa_sampler: Any, client_for: Any, key: str, tmp_path: Path, capsys: Any
) -> Callable[..., tuple[int, str]]:
    token = tmp_path / "token"
    token.write_text(client_for(qa_sampler).token + "\n")

    def ask(*arguments: str) -> tuple[int, str]:
        asked = ["--api", live_server.url, "--token-file", str(token), "--key", key, *arguments]
        code = standalone_verifier.main(asked)
        return code, capsys.readouterr().out

    return ask


def test_it_verifies_page_by_page(log: Fill, verdict: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(entries, "MOST", 4)
    log(13)
    size = Checkpoint.objects.latest("size").size
    kept = tmp_path / "kept"
    kept.write_text(Checkpoint.objects.latest("size").note)
    assert verdict("--checkpoint", str(kept)) == (0, f"ok: {size} entries, 1 held checkpoints\n")


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("UPDATE audit_event SET actor = 'staff:x' WHERE id = (SELECT event FROM audit_leaf WHERE seq = 6)", "changed"),
        ("DELETE FROM audit_event WHERE id = (SELECT event FROM audit_leaf WHERE seq = 6)", "entry 6: missing"),
        ("DELETE FROM audit_leaf WHERE seq = 6", "entry 6: missing"),
        ("DELETE FROM audit_leaf WHERE seq >= 9", "truncated"),
    ],
)
def test_what_was_done_to_the_rows_is_told(log: Fill, verdict: Any, sql: str, told: str) -> None:
    log(13)
    assert verdict()[0] == 0
    tamper(sql)
    code, said = verdict()
    assert code == 1 and told in said


def test_without_the_scope_or_a_safe_address_nothing_is_sent(
    live_server: Any, eve: Any, client_for: Any, key: str, tmp_path: Path, capsys: Any
) -> None:
    token = tmp_path / "token"
    token.write_text(client_for(eve).token)
    for url in (live_server.url, "http://audit.example", "file:///etc", "http://localhost.example"):
        assert standalone_verifier.main(["--api", url, "--token-file", str(token), "--key", key]) == 2
    assert "the API answers 403" in capsys.readouterr().err


def test_the_checkpoint_carries_its_cosignatures(log: Fill, qa_sampler: Any, client_for: Any) -> None:
    log(4)
    client = client_for(qa_sampler)
    assert client.get("/api/v1/audit/checkpoint?cosigned=true").status_code == 409
    head = Checkpoint.objects.latest("size")
    line = fake_witness.cosign(head.note)
    Cosignature.objects.create(size=head.size, name=fake_witness.NAME, line=line, signed_at=head.at)
    assert client.get("/api/v1/audit/checkpoint").content.decode() == f"{head.note}{line}\n"
    log(3)
    assert line not in client.get("/api/v1/audit/checkpoint").content.decode()
    assert line in client.get("/api/v1/audit/checkpoint?cosigned=true").content.decode()


@pytest.mark.parametrize("query", ["", "?from=0", "?from=-1&to=3", "?from=a&to=3", "?from=0&to=3&more=1"])
def test_a_query_that_cannot_be_is_refused(log: Fill, qa_sampler: Any, client_for: Any, query: str) -> None:
    log(4)
    assert client_for(qa_sampler).get(f"/api/v1/audit/entries{query}").status_code == 400
