"""`gdpr-portal-conformance run ...`: every check, an attestation. `... key FILE` makes the key it is signed by.

Exit status: 0 when every check passed, 1 when one failed, 2 when the kit could not run.
"""

import argparse
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from gdpr_portal_client import Portal, PortalError

from gdpr_portal_conformance import __version__, attestation, checks
from gdpr_portal_conformance.patience import Patience
from gdpr_portal_conformance.probe import Probe, ProbeFailed, probe_of, yes
from gdpr_portal_conformance.relay import Relay
from gdpr_portal_conformance.world import SCOPES, World

CLIENT_SECRET, WEBHOOK_SECRET = "GDPR_PORTAL_CLIENT_SECRET", "GDPR_PORTAL_WEBHOOK_SECRET"

START_SECONDS = 60.0
"""How long the application may take to start."""
NOBODY = "00000000-0000-4000-8000-000000000000"


class CannotRun(Exception):
    """Something the kit needs is missing; the message says what."""


def main(arguments: list[str] | None = None) -> int:
    """The exit status."""
    given = _parser().parse_args(arguments)
    try:
        if given.command == "key":
            attestation.new_key(given.file)
            return 0
        return _run(given)
    except (CannotRun, OSError, ValueError, PortalError) as error:
        print(f"The kit cannot run: {error}", file=sys.stderr)
        return 2


def answers(probe: Probe) -> bool:
    """Whether the application is up: it says that it holds nothing about somebody who is not there."""
    try:
        return not yes(probe, ask="holds", subject=NOBODY, reference="conformance-nobody")
    except ProbeFailed:
        return False


def _run(given: argparse.Namespace) -> int:
    key = attestation.load_key(given.key)
    host, _, port = given.listen.rpartition(":")
    patience = Patience(within=given.within, acknowledge=given.acknowledge_within)
    began = datetime.now(UTC)
    with (
        Portal(given.portal, given.client_id, _secret(CLIENT_SECRET), scopes=SCOPES) as portal,
        Relay(_secret(WEBHOOK_SECRET), given.endpoint, host=host, port=int(port)) as relay,
    ):
        probe = probe_of(given.probe)
        if not patience.until(lambda: answers(probe), START_SECONDS):
            raise CannotRun("The application does not answer its probe.")
        world = World(portal, relay, probe, purpose=given.purpose, field=given.field, patience=patience)
        outcomes = []
        for outcome in checks.run(world):
            outcomes.append(outcome)
            told = "passed" if outcome.passed else f"FAILED  {outcome.reason}  {outcome.detail}".rstrip()
            print(f"{outcome.name:<26}{told}", flush=True)
        document = attestation.attest(
            key, outcomes, kit=__version__, application=given.client_id, portal=given.portal,
            release=given.release, started_at=began, finished_at=datetime.now(UTC),
        )  # fmt: skip
        if given.out:
            given.out.write_text(document + "\n", "ascii")
        if given.hand_in:
            print(f"handed in: {attestation.hand_in(portal, key, document)['id']}")
    return 0 if all(each.passed for each in outcomes) else 1


def _secret(name: str) -> str:
    value = os.environ.get(name, "")
    if not value:
        raise CannotRun(f"{name} is not set.")
    return value


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="gdpr-portal-conformance", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    key = commands.add_parser("key", help="make the key attestations are signed by")
    key.add_argument("file", type=Path)
    run = commands.add_parser(
        "run", help=f"run every check; the secrets come from {CLIENT_SECRET} and {WEBHOOK_SECRET}"
    )
    run.add_argument("--portal", required=True, help="address of the sandbox portal")
    run.add_argument("--client-id", required=True, help="the application's, at that portal")
    run.add_argument("--endpoint", required=True, help="where the application under test takes notices")
    run.add_argument("--probe", required=True, help="address or command that answers the kit's questions")
    run.add_argument("--listen", default="127.0.0.1:9800", help="where the portal sends the application's notices")
    run.add_argument("--key", required=True, type=Path, help="the key the attestation is signed by")
    run.add_argument("--purpose", default="", help="a purpose on consent; the first that has the field, unless given")
    run.add_argument("--field", default="email", help="the field that is used or not")
    run.add_argument("--release", default="", help="what is tested: a version or a commit, without blanks")
    run.add_argument("--within", type=float, default=10.0, help="seconds for the application to act on a notice")
    run.add_argument("--acknowledge-within", type=float, default=60.0, help="seconds for its word on an erasure")
    run.add_argument("--out", type=Path, help="keep the signed attestation in this file")
    run.add_argument("--hand-in", action="store_true", help="hand the attestation in at the portal")
    return parser


if __name__ == "__main__":
    sys.exit(main())
