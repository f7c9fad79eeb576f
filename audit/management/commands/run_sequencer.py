import signal
import time
from argparse import ArgumentParser
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import InterfaceError, InternalError, OperationalError, connection

from audit import sequencer, signing
from gdpr_portal import lifetimes
from gdpr_portal.errors import kind_of

BATCH = 2000
CHECKPOINT_SECONDS = 1.0
RETRY_SECONDS = 1.0


class Command(BaseCommand):
    help = "Seal audit events into the tree and sign checkpoints, until told to stop (SIGTERM drains first)."
    requires_system_checks: list[str] = []
    stopping = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--interval", type=float, default=0.2, help="seconds between looks")
        parser.add_argument("--once", action="store_true", help="seal what there is, sign, end")

    def handle(self, *args: Any, **options: Any) -> None:
        signing.signer()  # without the key this process is of no use: say so at once
        if options["once"]:
            self.drain()
            return
        lifetimes.watch("sequencer", settings.RELEASE)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self.stop)
        while not self.stopping:
            self.work(options["interval"])

    def stop(self, number: int, frame: FrameType | None) -> None:
        self.stopping = True

    def work(self, interval: float) -> None:
        """One term: wait for the lock, seal while it lasts, drain at the end. A lost database is waited for."""
        try:
            with sequencer.holding() as held:
                if held:
                    self.stdout.write("sealing")
                    self.stdout.flush()
                    self.seal(interval)
        except (OperationalError, InterfaceError, InternalError) as error:  # PgBouncer tells of a lost server as XX000
            self.stderr.write(f"database: {kind_of(error)}; trying again")
            connection.close()
        if not self.stopping:
            time.sleep(RETRY_SECONDS)

    def seal(self, interval: float) -> None:
        signed_at = 0.0
        while not self.stopping:
            taken = sequencer.integrate(BATCH)
            if time.monotonic() - signed_at >= CHECKPOINT_SECONDS:
                sequencer.checkpoint()
                signed_at = time.monotonic()
            if taken < BATCH:
                time.sleep(interval)
        self.drain()

    def drain(self) -> None:
        while sequencer.integrate(BATCH) == BATCH:
            pass
        sequencer.checkpoint()
