"""A checklist as a table for the change ticket: text for a terminal, Markdown for a ticket, JSON for a pipeline."""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Literal

from django.conf import settings

from gdpr_portal.doctor import Answer, Check, examine

Form = Literal["text", "markdown", "json"]
FORMS: tuple[Form, ...] = ("text", "markdown", "json")
MARKS = {"ok": "ok", "warn": "WARN", "bad": "BAD"}
Rows = Sequence[tuple[Check, Answer]]


def looked_at(checks: Sequence[Check]) -> list[tuple[Check, Answer]]:
    """Every check with its answer, in order; one that cannot look is bad, and the others go on."""
    return list(zip(checks, (answer for _name, answer in examine(checks)), strict=True))


def passed(rows: Rows) -> bool:
    """Whether nothing is bad."""
    return all(answer.level != "bad" for _check, answer in rows)


def render(rows: Rows, form: str, *, title: str) -> str:
    """The table in that form."""
    return RENDERERS[form](rows, title)


def _text(rows: Rows, title: str) -> str:
    lines = [_headline(title)]
    for check, answer in rows:
        lines.append(f"{MARKS[answer.level]:5} {check.name:16} {answer.words}")
        if answer.remedy:
            lines.append(f"{'':22} -> {_remedy(check, answer)}")
    return "\n".join([*lines, _verdict(rows)])


def _markdown(rows: Rows, title: str) -> str:
    lines = [f"**{_headline(title)}**", "", "| | check | found | to do |", "| --- | --- | --- | --- |"]
    for check, answer in rows:
        cells = (MARKS[answer.level], check.name, answer.words, _remedy(check, answer))
        lines.append("| " + " | ".join(_cell(each) for each in cells) + " |")
    return "\n".join([*lines, "", _verdict(rows)])


def _json(rows: Rows, title: str) -> str:
    found = [
        {"check": check.name, "level": answer.level, "words": answer.words, "remedy": answer.remedy}
        | {"entry": check.entry}
        for check, answer in rows
    ]
    whole = {"title": title, "version": settings.VERSION, "profile": settings.PROFILE, "passed": passed(rows)}
    return json.dumps(whole | {"checks": found}, indent=2)


def _headline(title: str) -> str:
    at = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return f"{title}: version {settings.VERSION}, profile {settings.PROFILE}, {at}"


def _remedy(check: Check, answer: Answer) -> str:
    if not answer.remedy:
        return ""
    return f"{answer.remedy} (docs/runbook.md, '{check.entry}')" if check.entry else answer.remedy


def _verdict(rows: Rows) -> str:
    bad, warnings = (sum(answer.level == level for _check, answer in rows) for level in ("bad", "warn"))
    return f"{'NOT PASSED' if bad else 'Passed'}: {bad} bad, {warnings} to look at, {len(rows)} checks."


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


RENDERERS: dict[str, Callable[[Rows, str], str]] = {"text": _text, "markdown": _markdown, "json": _json}
