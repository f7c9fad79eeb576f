"""`manage.py keys init|status|rotate|retire|wrap|unwrap`: keys are made, counted, renewed, retired, never printed."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from gdpr_portal.errors import DomainError
from vault import checkpoint_key, keyfiles, ledger, providers, rotation, services, wrapping
from vault.keyring import KINDS, ROTATING, KeyringError


class Command(BaseCommand):
    help = "Makes, shows, rotates and retires the keys of the vault and of the audit log."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        actions.add_parser("init", help="make the key files that are missing; overwrite nothing")
        actions.add_parser("status", help="say whether the vault is sealed and how many rows each version has")
        rotate = actions.add_parser("rotate", help="make a new version and bring the rows over; resumes")
        rotate.add_argument("kind", choices=[*ROTATING, "audit"])
        rotate.add_argument("--pause", type=float, default=0.0, help="seconds to rest between batches")
        actions.add_parser("wrap", help="wrap the key file by VAULT_KEY_PROVIDER, or wrap it anew under its newest key")
        actions.add_parser("unwrap", help="make a wrapped key file plain again; then set VAULT_KEY_PROVIDER=file")
        retire = actions.add_parser("retire", help="remove an old version that no row needs")
        retire.add_argument("kind", choices=ROTATING)
        retire.add_argument("version", type=int)

    def handle(self, *args: Any, action: str, **options: Any) -> None:
        try:
            getattr(self, f"_{action}")(**options)
        except providers.Sealed as error:
            raise CommandError(f"The vault is sealed: {error.reason}.") from None
        except DomainError as error:
            raise CommandError(error.message) from None
        except (KeyringError, OSError) as error:
            raise CommandError(f"The key files cannot be used: {error}.") from None

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

    def _rotate(self, *, kind: str, pause: float, **options: Any) -> None:
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

    def _retire(self, *, kind: str, version: int, **options: Any) -> None:
        rotation.retire(kind, version)
        self.stdout.write(f"{kind}: version {version} is gone.")
