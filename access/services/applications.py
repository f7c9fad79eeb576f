"""Applications: registered, proven, switched off, and where they receive their signed notices."""

import base64
import secrets
from collections.abc import Iterable
from datetime import timedelta
from hmac import compare_digest

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from access.endpoints import flaw_of
from access.models import AccessToken, Application, WebhookEndpoint
from access.scopes import SCOPES
from access.tokens import new_client_id, new_secret, secret_digest, secret_digests
from audit import actors
from audit.services import record
from gdpr_portal.errors import Invalid
from vault.services import Place, keyed_digest, open_secret, seal_secret

PREVIOUS_SECRET_KEPT = timedelta(hours=24)
COMMAND = actors.system("command")


def create_application(
    *,
    slug: str,
    name: str,
    scopes: Iterable[str],
    requests_per_minute: int = 6000,
    requests_per_second: int | None = None,
    is_third_party: bool = False,
    actor: str = COMMAND,
) -> tuple[Application, str, str]:
    """The application exists; returns it with its client id and secret, which is shown this once.

    Raises Invalid("unknown_scope"), and Invalid("invalid_value") for limits that are none.
    """
    granted = _known(scopes)
    _require_limits(requests_per_minute, requests_per_second)
    secret = new_secret()
    with transaction.atomic():
        application = Application.objects.create(
            slug=slug,
            name=name,
            client_id=new_client_id(),
            secret_digest=secret_digest(secret),
            scopes=granted,
            requests_per_minute=requests_per_minute,
            requests_per_second=requests_per_second,
            is_third_party=is_third_party,
        )
        record("application.registered", actor=actor, details={"application": slug, "scopes": granted})
    return application, application.client_id, secret


def authenticate_application(*, client_id: str, secret: str) -> Application | None:
    """The enabled application these credentials belong to, or None; takes the same work for both."""
    application = Application.objects.filter(client_id=client_id, enabled=True).first()
    known = bytes(application.secret_digest) if application else bytes(32)
    is_right = any(compare_digest(known, digest) for digest in secret_digests(secret))
    return application if is_right else None


def rotate_secret(*, application: Application, actor: str = COMMAND) -> str:
    """The application has a new secret, returned this once; the old one is dead, and so are all its tokens."""
    secret = new_secret()
    with transaction.atomic():
        locked = Application.objects.select_for_update().get(pk=application.pk)
        locked.secret_digest = secret_digest(secret)
        locked.save(update_fields=["secret_digest"])
        AccessToken.objects.filter(application=locked).delete()
        record("application.secret_rotated", actor=actor, details={"application": locked.slug})
    return secret


def set_scopes(*, application: Application, scopes: Iterable[str], actor: str = COMMAND) -> Application:
    """The application may ask for tokens with these scopes; tokens with others are dead. Idempotent.

    Raises Invalid("unknown_scope").
    """
    granted = _known(scopes)
    with transaction.atomic():
        locked = Application.objects.select_for_update().get(pk=application.pk)
        if locked.scopes == granted:
            return locked
        locked.scopes = granted
        locked.save(update_fields=["scopes"])
        AccessToken.objects.filter(application=locked).exclude(scopes__contained_by=granted).delete()
        record("application.changed", actor=actor, details={"application": locked.slug, "changed": ["scopes"]})
    return locked


def set_limits(
    *, application: Application, per_minute: int, per_second: int | None, actor: str = COMMAND
) -> Application:
    """The application may ask so often, from its next window on; `per_second` None is no limit but the minute's.

    Idempotent. Raises Invalid("invalid_value").
    """
    _require_limits(per_minute, per_second)
    with transaction.atomic():
        locked = Application.objects.select_for_update().get(pk=application.pk)
        if (locked.requests_per_minute, locked.requests_per_second) == (per_minute, per_second):
            return locked
        locked.requests_per_minute, locked.requests_per_second = per_minute, per_second
        locked.save(update_fields=["requests_per_minute", "requests_per_second"])
        record("application.changed", actor=actor, details={"application": locked.slug, "changed": ["limits"]})
    return locked


def _require_limits(per_minute: int, per_second: int | None) -> None:
    if per_minute < 1 or (per_second is not None and not 1 <= per_second <= per_minute):
        raise Invalid("invalid_value", "At least one request, and in a second no more than in a minute.")


def _known(scopes: Iterable[str]) -> list[str]:
    granted = sorted(set(scopes))
    if not SCOPES.keys() >= set(granted):
        raise Invalid("unknown_scope", "One of the scopes does not exist.")
    return granted


def set_enabled(*, application: Application, enabled: bool, actor: str = COMMAND) -> Application:
    """The application may call (or may not, within half a second; its tokens are gone). Idempotent."""
    with transaction.atomic():
        locked = Application.objects.select_for_update().get(pk=application.pk)
        if locked.enabled == enabled:
            return locked
        locked.enabled = enabled
        locked.save(update_fields=["enabled"])
        AccessToken.objects.filter(application=locked).delete()
        event = "application.enabled" if enabled else "application.disabled"
        record(event, actor=actor, details={"application": locked.slug})
    return locked


# --- webhook endpoints ----------------------------------------------------------------------------------------------
def set_endpoint(*, application: Application, url: str, actor: str = COMMAND) -> str:
    """Notices go to `url`; returns the fresh signing secret (`whsec_...`, Standard Webhooks), shown this once.

    The secret before stays valid for `PREVIOUS_SECRET_KEPT`, so that the receiver can change over. Raises
    Invalid("invalid_endpoint") for anything but https (http only to loopback in the development profiles).
    """
    _require_allowed(url)
    secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
    with transaction.atomic():
        Application.objects.select_for_update().get(pk=application.pk)
        before = WebhookEndpoint.objects.filter(application=application).first()
        previous = open_secret(secret_place(application), bytes(before.secret_sealed)) if before else None
        WebhookEndpoint.objects.update_or_create(
            application=application,
            defaults={
                "url": url,
                "secret_sealed": seal_secret(secret_place(application), secret.encode()),
                "previous_secret_sealed": previous and seal_secret(previous_secret_place(application), previous),
                "previous_until": timezone.now() + PREVIOUS_SECRET_KEPT if previous else None,
                "disabled_at": None,
            },
        )
        digest = keyed_digest("access.endpoint", url.encode()).hex()
        record("endpoint.set", actor=actor, details={"application": application.slug, "digest": digest})
    return secret


def disable_endpoint(*, application: Application, actor: str = COMMAND) -> bool:
    """Notices to the application wait until another endpoint is set; False when none went there. Idempotent."""
    with transaction.atomic():
        live = WebhookEndpoint.objects.filter(application=application, disabled_at=None)
        if not live.update(disabled_at=timezone.now()):
            return False
        record("endpoint.removed", actor=actor, details={"application": application.slug, "reason": "disabled"})
    return True


def remove_endpoint(*, application: Application, actor: str = COMMAND) -> bool:
    """The application has no endpoint from now on: copies do not ask it, and what else it is told an operator tells it.
    Notices already written wait for another. False when it had none. Idempotent."""
    with transaction.atomic():
        if not WebhookEndpoint.objects.filter(application=application).delete()[0]:
            return False
        record("endpoint.removed", actor=actor, details={"application": application.slug, "reason": "removed"})
    return True


def webhook_secrets(application: Application) -> list[str]:
    """The signing secrets in force, newest first; none without a live endpoint."""
    endpoint = WebhookEndpoint.objects.filter(application=application, disabled_at=None).first()
    if endpoint is None:
        return []
    found = [open_secret(secret_place(application), bytes(endpoint.secret_sealed)).decode()]
    if endpoint.previous_secret_sealed and endpoint.previous_until and endpoint.previous_until > timezone.now():
        found.append(open_secret(previous_secret_place(application), bytes(endpoint.previous_secret_sealed)).decode())
    return found


def secret_place(application: Application) -> Place:
    """Where the webhook secret lies."""
    return Place("access_webhookendpoint", "secret_sealed", str(application.pk))


def previous_secret_place(application: Application) -> Place:
    """Where the secret before it lies, while both count."""
    return Place("access_webhookendpoint", "previous_secret_sealed", str(application.pk))


def _require_allowed(url: str) -> None:
    """Only what a webhook may ever be; where the name leads to is looked at again with every call (threat T25)."""
    if flaw := flaw_of(url, allow_loopback=bool(settings.WEBHOOK_LOOPBACK_ALLOWED)):
        raise Invalid("invalid_endpoint", flaw, status=422)
