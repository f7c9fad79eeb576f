"""The probe: four questions that an application answers in its test set-up, and nowhere else (README, "The probe")."""

import json
import shlex
import subprocess
from collections.abc import Mapping
from typing import Any, Protocol

import httpx

TIMEOUT_SECONDS = 10.0


class ProbeFailed(Exception):
    """The application did not answer a question as agreed."""


class Probe(Protocol):
    """Something that answers one question: JSON in, JSON out."""

    def ask(self, question: Mapping[str, Any]) -> Any:
        """The decoded answer. Raises ProbeFailed when there is none."""


class HttpProbe:
    """Questions go by POST to an address of the application; it answers 200 with `{"answer": ...}`."""

    def __init__(self, url: str, *, timeout: float = TIMEOUT_SECONDS) -> None:
        self._url, self._timeout = url, timeout

    def ask(self, question: Mapping[str, Any]) -> Any:
        """The decoded answer."""
        try:
            answer = httpx.post(self._url, json=dict(question), timeout=self._timeout)
        except httpx.HTTPError as error:
            raise ProbeFailed(f"{question['ask']}: no answer ({type(error).__name__})") from None
        if answer.status_code != 200:
            raise ProbeFailed(f"{question['ask']}: status {answer.status_code}")
        return _decoded(question, answer.content)


class CommandProbe:
    """Questions go to the standard input of a command of the application; it prints `{"answer": ...}` and exits 0."""

    def __init__(self, command: str, *, timeout: float = TIMEOUT_SECONDS) -> None:
        self._command, self._timeout = shlex.split(command), timeout

    def ask(self, question: Mapping[str, Any]) -> Any:
        """The decoded answer."""
        text = json.dumps(dict(question)).encode()
        try:
            done = subprocess.run(self._command, input=text, capture_output=True, timeout=self._timeout)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise ProbeFailed(f"{question['ask']}: no answer ({type(error).__name__})") from None
        if done.returncode:
            raise ProbeFailed(f"{question['ask']}: exit {done.returncode}")
        return _decoded(question, done.stdout)


def probe_of(where: str) -> Probe:
    """The probe at an address, or by a command."""
    return HttpProbe(where) if where.startswith(("http://", "https://")) else CommandProbe(where)


def yes(probe: Probe, **question: Any) -> bool:
    """The answer to a question that has only two."""
    answer = probe.ask(question)
    if not isinstance(answer, bool):
        raise ProbeFailed(f"{question['ask']}: true or false was expected")
    return answer


def count(probe: Probe, **question: Any) -> int:
    """The answer to a question for a number."""
    answer = probe.ask(question)
    if isinstance(answer, bool) or not isinstance(answer, int):
        raise ProbeFailed(f"{question['ask']}: a whole number was expected")
    return answer


def _decoded(question: Mapping[str, Any], text: bytes) -> Any:
    try:
        return json.loads(text)["answer"]
    except (ValueError, KeyError, TypeError):
        raise ProbeFailed(f"{question['ask']}: the answer is not {{'answer': ...}}") from None
