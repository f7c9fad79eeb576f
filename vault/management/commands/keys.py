"""`manage.py keys init|status|rotate|retire|wrap|unwrap`: keys are made, counted, renewed, retired, never printed."""

from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from gdpr_portal.errors import DomainError
from vault import checkpoint_key, datakeys, keyfiles, ledger, providers, rotation, services, wrapping
from vault.keyring import KINDS, ROTATING, KeyringError


class Command(BaseCommand):
    help = "Makes, shows, rotates and retires the keys of the vault and of the audit log."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        actions.add_parser("init", help="make the key files that are missing; overwrite nothing")
        actions.add_parser("status", help="say whether the vault is sealed and how many rows each version has")
        rotate = actions.add_parser("rotate", help="make a new version and bring the rows over; resumes")
        rotate.add_argument("kind", choices=[*ROTATING, "audit", "data"])
        whose = rotate.add_mutually_exclusive_group()
        whose.add_argument("--subject", type=UUID, metavar="ID", help="data: of this audit pseudonym, or key owner")
        whose.add_argument("--all-data-keys", action="store_true", help="data: of everybody")
        rotate.add_argument("--pause", type=float, default=0.0, help="seconds to rest between batches")
        actions.add_parser("wrap", help="wrap the key file by VAULT_KEY_PROVIDER, or wrap it anew under its newest key")
        actions.add_parser("unwrap", help="make a wrapped key file plain again; then set VAULT_KEY_PROVIDER=file")
        retire = actions.add_parser("retire", help="remove an old version that no row needs")
        retire.add_argument("kind", choices=ROTATING)
        retire.add_argument("version", type=int)

    def handle(self, *args: Any, action: str, **options: Any) -> None:
        if action != "status" and options.get("kind") != "data":
            self._require_original()
        try:
            getattr(self, f"_{action}")(**options)
        except providers.Sealed as error:
            raise CommandError(f"The vault is sealed: {error.reason}.") from None
        except DomainError as error:
            raise CommandError(error.message) from None
        except (KeyringError, OSError) as error:
            raise CommandError(f"The key files cannot be used: {error}.") from None

    def _require_original(self) -> None:
        """A new version in a container's copy would end with the container, and all that was sealed with it."""
        if settings.KEYRING_FROM:
            raise CommandError(
                f"Nothing was changed: the key files here are a copy, in memory, of {settings.KEYRING_FROM}. "
                "Do it where the files themselves are kept (docs/vault.md, 'Commands')."
            )

    def _init(self, **options: Any) -> None:
        made = keyfiles.initialise(
            key_file=settings.VAULT_KEY_FILE,
            audit_file=settings.AUDIT_SIGNING_KEY_FILE,
            origin=settings.AUDIT_LOG_ORIGIN,
            service=providers.key_service(),
        )
        checkpoint_key.register()
        for path in made:
            self.stdout.write(f"made {path}")
        if not made:
            self.stdout.write("the keys are there already; nothing was changed")

    def _status(self, **options: Any) -> None:
        status = services.status()
        if not status.unsealed:
            raise CommandError(f"The vault is sealed: {status.reason}.")
        self.stdout.write("The vault is open.")
        ring = providers.keyring()
        for kind in KINDS:
            self._say_versions(kind, ring.current(kind), ring.versions(kind))
        self._say_data()
        self.stdout.write("The shred ledger has had its effect." if ledger.replayed() else "ERASURES ARE NOT REPLAYED.")

    def _say_versions(self, kind: str, current: int, versions: list[int]) -> None:
        rows = rotation.histogram(kind)
        words = [f"version {version} holds {rows[version]} rows" for version in sorted(rows)]
        unused = [
            f"version {version} holds none" for version in sorted(versions) if kind == "master" and version not in rows
        ]
        self.stdout.write(
            f"{kind}: version {current} is current" + "".join(f"; {word}" for word in words + unused) + "."
        )

    def _say_data(self) -> None:
        rows = rotation.histogram("data")
        words = [f"version {version} holds {rows[version]} keys" for version in sorted(rows)]
        self.stdout.write(f"data: {'; '.join([*words, f'{datakeys.former_keys()} old keys are still kept'])}.")

    def _wrap(self, **options: Any) -> None:
        service = self._service()
        path = settings.VAULT_KEY_FILE
        was = service if wrapping.is_wrapped(path.read_bytes()) else None
        keyfiles.write_keyring(path, keyfiles.read_keyring(path, was), service)
        providers.keyring(fresh=True)
        self.stdout.write(f"{path} is wrapped by {service.name}, and opens. Destroy plain copies of it.")

    def _unwrap(self, **options: Any) -> None:
        path = settings.VAULT_KEY_FILE
        keyfiles.write_keyring(path, keyfiles.read_keyring(path, self._service()), None)
        self.stdout.write(f"{path} is plain. Set VAULT_KEY_PROVIDER=file.")

    def _service(self) -> wrapping.KeyService:
        service = providers.key_service()
        if service is None:
            raise CommandError("VAULT_KEY_PROVIDER=file: there is no service to wrap with.")
        return service

    def _rotate(self, *, kind: str, pause: float, subject: UUID | None, all_data_keys: bool, **options: Any) -> None:
        if (kind == "data") != bool(subject or all_data_keys):
            raise CommandError("Data keys, and they alone, take --subject ID or --all-data-keys.")
        if kind == "data":
            self._renew(datakeys.renew_all(pause) if subject is None else datakeys.renew_person(subject, pause))
            return
        if kind == "audit":
            keyfiles.rotate_checkpoint_key(
                key_file=settings.VAULT_KEY_FILE,
                audit_file=settings.AUDIT_SIGNING_KEY_FILE,
                service=providers.key_service(),
            )
            self.stdout.write("A new checkpoint key is there; start the sequencer and the web processes again.")
            return
        with tqdm(total=rotation.outstanding(kind), unit=" rows", desc=f"rotating {kind}", file=self.stderr) as bar:
            for total in rotation.rotate(kind, pause_seconds=pause):
                bar.update(total - bar.n)
        current = providers.keyring(fresh=True).current(kind)
        self.stdout.write(f"{kind}: version {current} is current and {bar.n} rows were brought over.")
        if left := rotation.ageing(kind):
            self.stdout.write(f"{left} rows live a day at most and keep the older key: retire it tomorrow.")

    def _renew(self, steps: Iterator[datakeys.Step]) -> None:
        """The keys have successors; the worker destroys the old ones when their time is over."""
        found = datakeys.Pass()
        with tqdm(total=0, unit=" keys", desc="renewing data keys", file=self.stderr) as bar:
            for step in steps:
                bar.total = step.outstanding
                bar.update(step.keys)
                found += step.found
        self.stdout.write(f"data: {bar.n} keys are new and {found.done} rows were sealed anew.")
        minutes = datakeys.KEPT_FOR.total_seconds() // 60
        self.stdout.write(f"The worker destroys the old keys, {minutes:.0f} minutes from now at the earliest.")
        if found.damaged:
            raise CommandError(f"{len(found.damaged)} cells open with neither key: see crypto.tamper in the audit log.")

    def _retire(self, *, kind: str, version: int, **options: Any) -> None:
        rotation.retire(kind, version)
        self.stdout.write(f"{kind}: version {version} is gone.")
        if kind in {"master", "index", "secrets"}:
            self.stdout.write("Backups from before can no longer be restored with this keyring: make one now.")
