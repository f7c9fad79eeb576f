"""Whoever is woken finds the page: every alert, check and pointer in the code leads to a heading that is there."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import get_commands, load_command_class

from gdpr_portal import doctor

HEADING = re.compile(r"^#+ (.+)$", re.M)
POINTER = re.compile(r"(docs/[a-z0-9./-]+\.md)(?:#([a-z0-9-]+)|, '([^'{]+)')?")
CODE = ("gdpr_portal", "erasure", "consent", "subjects", "access", "vault", "audit", "deploy", "bench", "templates")


def slug(heading: str) -> str:
    """The anchor that the usual forges and wikis give a heading."""
    return "".join(each for each in heading.lower().replace(" ", "-") if each.isalnum() or each in "-_")


def headings(page: Path) -> dict[str, str]:
    """Anchor -> heading."""
    return {slug(found): found for found in HEADING.findall(page.read_text())}


def alerts(repository: Path) -> list[dict[str, Any]]:
    rules = yaml.safe_load((repository / "deploy" / "monitoring" / "prometheus" / "alerts.yml").read_text())
    return [rule for group in rules["groups"] for rule in group["rules"]]


def entries(repository: Path) -> dict[str, str]:
    """Heading -> text of every entry of the runbook."""
    parts = re.split(r"^## (.+)$", (repository / "docs" / "runbook.md").read_text(), flags=re.M)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def test_every_pointer_into_the_pages_leads_somewhere(repository: Path) -> None:
    broken, seen = [], 0
    for folder in CODE:
        for file in (repository / folder).rglob("*"):
            if file.suffix not in {".py", ".yml", ".yaml", ".sh", ".html", ".md"} or "__pycache__" in file.parts:
                continue
            for page, anchor, heading in POINTER.findall(file.read_text()):
                seen += 1
                path = repository / page
                known = headings(path) if path.exists() else None
                if known is None or (anchor and anchor not in known) or (heading and slug(heading) not in known):
                    broken.append(f"{file.relative_to(repository)}: {page} {anchor or heading}")
    assert seen > 50 and not broken, broken


def test_links_between_pages_lead_somewhere(repository: Path) -> None:
    link = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)")
    broken = []
    for page in [
        *repository.glob("*.md"),
        *(repository / "docs").rglob("*.md"),
        *(repository / "deploy").rglob("*.md"),
    ]:
        for target, anchor in link.findall(page.read_text()):
            path = page if not target else page.parent / target
            if not path.exists() or (anchor and path.suffix == ".md" and anchor not in headings(path)):
                broken.append(f"{page.name}: {target}#{anchor}")
    assert not broken, broken


def test_every_alert_has_its_entry_and_every_entry_names_its_alerts(repository: Path) -> None:
    written = entries(repository)
    named = {name: heading for heading, text in written.items() for name in re.findall(r"`(Portal\w+)`", text)}
    for rule in alerts(repository):
        anchor = rule["annotations"]["runbook_url"].partition("docs/runbook.md#")[2]
        [heading] = [heading for heading in written if slug(heading) == anchor]
        assert f"`{rule['alert']}`" in written[heading], (rule["alert"], heading)
        assert rule["labels"]["severity"] in {"page", "ticket"} and rule["annotations"]["summary"]
    assert named.keys() == {rule["alert"] for rule in alerts(repository)}


def test_every_check_of_the_doctor_names_an_entry(repository: Path) -> None:
    written = entries(repository)
    assert {check.name: check.entry for check in doctor.CHECKS if check.entry not in written} == {}


def test_every_entry_says_what_it_means_what_to_do_and_when_to_escalate(repository: Path) -> None:
    for heading, text in entries(repository).items():
        for part in ("*Means:*", "**First five minutes**", "```sh", "**Escalate**"):
            assert part in text, (heading, part)
        assert re.search(r"^1\. ", text, re.M), heading


@pytest.mark.parametrize(
    "name", ["runbook", "on-call", "backup", "deployment", "preflight", "postflight", "monitoring", "leaks"]
)
def test_every_command_of_the_operators_pages_can_be_parsed(repository: Path, name: str) -> None:
    page = (repository / "docs" / f"{name}.md").read_text()
    known = get_commands()
    for block in re.findall(r"```sh\n(.*?)```", page, re.S):
        for line in block.splitlines():
            words = shlex.split(line, comments=True)
            if words[:1] != ["manage"]:
                continue
            command = load_command_class(known[words[1]], words[1])
            if "--help" not in words:
                command.create_parser("manage.py", words[1]).parse_args(words[2:])


def test_who_is_called_stands_in_one_page(repository: Path) -> None:
    roles = re.findall(r"^\| ([A-Z][\w ()-]+?) \|", (repository / "docs" / "on-call.md").read_text(), re.M)
    assert {"Application on-call", "Database on-call", "Security on-call", "Privacy officer"} <= set(roles)
    assert all("<" not in text for text in entries(repository).values())
