"""The conformance kit passes the sample application, and names what each of the broken ones does wrong."""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from gdpr_portal_conformance import CHECKS, CommandProbe, ProbeFailed, World, run
from gdpr_portal_conformance.__main__ import answers, main
from gdpr_portal_conformance.probe import count, yes
from gdpr_portal_conformance.sample import Application

from consent import conformance
from tests.conformance.broken import BROKEN
from tests.plugins.exhaustive import in_turn

pytestmark = pytest.mark.django_db(transaction=True)


def failures(world: World) -> dict[str, str]:
    outcomes = list(run(world))
    assert [each.name for each in outcomes] == list(CHECKS)
    return {each.name: each.reason for each in outcomes if not each.passed}


def test_the_service_asks_for_the_checks_the_kit_has() -> None:
    assert tuple(CHECKS) == conformance.CHECKS


def test_an_application_that_does_all_of_it_passes(world_of: Callable[..., World]) -> None:
    assert failures(world_of(Application)) == {}


@pytest.mark.parametrize(("kind", "expected"), in_turn(*BROKEN, of=5), ids=[kind.__name__ for kind, _ in BROKEN])
def test_an_application_that_does_not_fails_by_name(
    world_of: Callable[..., World], kind: type[Application], expected: dict[str, str]
) -> None:
    assert failures(world_of(kind)) == expected


def test_the_kit_finds_a_purpose_by_itself(world_of: Callable[..., World]) -> None:
    world = world_of(Application)
    world._wanted = ""
    assert world.purpose == "newsletter"


def test_an_application_that_is_not_up_yet_is_waited_for() -> None:
    said = iter([ProbeFailed("not yet"), ProbeFailed("not yet"), False])

    class Starting:
        def ask(self, question: Mapping[str, Any]) -> Any:
            answer = next(said)
            if isinstance(answer, ProbeFailed):
                raise answer
            return answer

    assert [answers(Starting()) for _ in range(3)] == [False, False, True]


def test_without_what_it_needs_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    key = tmp_path / "key.pem"
    assert main(["key", str(key)]) == 0 and main(["key", str(key)]) == 2
    for name in ("GDPR_PORTAL_CLIENT_SECRET", "GDPR_PORTAL_WEBHOOK_SECRET"):
        monkeypatch.delenv(name, raising=False)
    where = [
        "--portal",
        "http://127.0.0.1:9",
        "--client-id",
        "c",
        "--endpoint",
        "http://127.0.0.1:9",
        "--probe",
        "false",
    ]
    assert main(["run", *where, "--key", str(tmp_path / "none.pem")]) == 2
    assert main(["run", *where, "--key", str(key)]) == 2
    assert "GDPR_PORTAL_CLIENT_SECRET is not set." in capsys.readouterr().err


ECHO = "import json, sys; print(json.dumps({'answer': json.load(sys.stdin)['purpose'] == 'newsletter'}))"


def test_a_probe_may_be_a_command() -> None:
    probe = CommandProbe(f'{sys.executable} -c "{ECHO}"')
    assert yes(probe, ask="uses", purpose="newsletter") is True
    assert yes(probe, ask="uses", purpose="orders") is False
    with pytest.raises(ProbeFailed):
        count(probe, ask="handled", purpose="newsletter")


@pytest.mark.parametrize("command", ["false", "echo no", "/nowhere/at/all", "echo {}"])
def test_a_command_that_does_not_answer_is_no_answer(command: str) -> None:
    with pytest.raises(ProbeFailed):
        yes(CommandProbe(command), ask="holds")
