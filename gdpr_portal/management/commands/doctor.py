"""`manage.py doctor`: what is wrong with this service, and what to do about it."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from gdpr_portal.doctor import UNSEEN, Answer, entry_of, examine

MARKS = {"ok": "ok  ", "warn": "WARN", "bad": "BAD "}


class Command(BaseCommand):
    help = "Look at database, keys, queues, log and requests, and say in words what is wrong. Exit 1 when something is."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON object with a member for each check")

    def handle(self, *args: Any, **options: Any) -> None:
        answers = list(examine())
        if options["json"]:
            found = {
                name: {"level": each.level, "words": each.words, "remedy": each.remedy, "entry": entry_of(name)}
                for name, each in answers
            }
            self.stdout.write(json.dumps(found, indent=2))
        else:
            for name, each in answers:
                self._tell(name, each)
            if unseen := [name for name, each in answers if each is UNSEEN]:
                self.stdout.write(f"{MARKS['bad']}  {UNSEEN.words}: {', '.join(unseen)}")
        if any(each.level == "bad" for _name, each in answers):
            raise SystemExit(1)

    def _tell(self, name: str, answer: Answer) -> None:
        if answer is UNSEEN:
            return  # told in one line at the end
        self.stdout.write(f"{MARKS[answer.level]}  {name:16} {answer.words}")
        if answer.remedy:
            self.stdout.write(f"      {'':16} -> {answer.remedy} (docs/runbook.md, '{entry_of(name)}')")
