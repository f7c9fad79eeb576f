"""Passkeys (W3C WebAuthn Level 3): registered, removed, and proven in each of the three places that ask for one.

A challenge of 32 random bytes is answered once, within `LIFETIME`, in the browser session it was made in and for the
ceremony it was made for: the session names it, a row makes it single-use also when it is answered twice at once. What
an authenticator answers is checked by the `fido2` library, our own rules beside it: origins and the domain from the
settings, no page within another site's page, ES256, EdDSA and RS256 only, no attestation.

Kept, sealed under the account's data key: `handle (32) | aaguid (16 zeros) | length (2) | credential id | COSE key`,
and the name. A credential id is found by its blind index. The model of the authenticator is not kept (Art. 5(1)(c)).
The handle is a keyed digest of the account's id, the same for all passkeys of an account: like a random one it says
nothing about anybody. The authenticator is told no name and no address.

Signatures are counted by some authenticators. A count that does not rise says that there are two copies of the key
(7.2, step 22): neither may go on, so the passkey counts no more, every session ends, and the person is told.
"""

import json
import secrets
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from fido2.server import Fido2Server
from fido2.utils import websafe_decode, websafe_encode
from fido2.webauthn import (
    Aaguid,
    AttestationConveyancePreference,
    AttestedCredentialData,
    AuthenticationResponse,
    PublicKeyCredentialRpEntity,
    PublicKeyCredentialUserEntity,
    RegistrationResponse,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from access.models import Account, PasskeyChallenge, PasskeyDevice
from access.services import limits
from access.services.accounts import actor_of, sign_out_everywhere
from access.services.factors import ISSUER, keep_one, record_factor, tell, too_many
from audit import actors
from audit import services as audit
from gdpr_portal.errors import Missing, Refused, WrongState
from vault import services as vault
from vault.services import Place

REGISTER, SIGN_IN, SECOND, STEP_UP = "register", "sign_in", "second", "step_up"
LIFETIME = timedelta(seconds=300)
MOST_BYTES = 16 * 1024
"""Longest answer of an authenticator that is looked at."""
MOST = 20
"""Passkeys of one account."""
NAME_LENGTH = 60
ALGORITHMS = frozenset({-8, -7, -257})
"""EdDSA, ES256, RS256 (RFC 9053, RFC 8812)."""
CREDENTIAL_COLUMN = "access_passkeydevice.credential"
_HANDLE = 32
_PREFERRED, _REQUIRED = UserVerificationRequirement.PREFERRED, UserVerificationRequirement.REQUIRED
_VERIFIES = {REGISTER: _PREFERRED, SIGN_IN: _REQUIRED, SECOND: _PREFERRED, STEP_UP: _PREFERRED}
"""A passkey that is the whole sign-in must have verified the person; beside a password its possession is enough."""
_MALFORMED = (
    ValueError, KeyError, TypeError, AttributeError, IndexError, NotImplementedError, RecursionError, struct.error,
)  # fmt: skip
"""What `fido2` raises for bytes that are not what they should be: its parsers index, unpack and look up as they go."""
Parsed = TypeVar("Parsed", RegistrationResponse, AuthenticationResponse)


@dataclass(frozen=True)
class Answer:
    """What the browser sent (JSON of WebAuthn Level 3, 5.1), and the challenges its session was given."""

    text: str
    challenges: Sequence[str]


# --- challenges -----------------------------------------------------------------------------------------------------
def new_challenge(*, ceremony: str, where: str) -> str:
    """32 random bytes in base64url, to be answered once within `LIFETIME`. Raises Refused("throttled", 429)."""
    turn = limits.take((limits.ASKED, where))
    if turn.wait:
        raise too_many(turn.wait)
    challenge = secrets.token_bytes(32)
    PasskeyChallenge.objects.create(digest=_digest(challenge), ceremony=ceremony, expires_at=timezone.now() + LIFETIME)
    return websafe_encode(challenge)


def purge() -> int:
    """Challenges past their time are gone; returns how many."""
    return PasskeyChallenge.objects.filter(expires_at__lt=timezone.now()).delete()[0]


# --- what the browser is asked --------------------------------------------------------------------------------------
def registration_options(account: Account, challenge: str) -> Mapping[str, Any]:
    """PublicKeyCredentialCreationOptionsJSON: discoverable where it can be, by no device that holds one."""
    known = list(PasskeyDevice.objects.filter(user=account))
    user = PublicKeyCredentialUserEntity(id=_handle(account, known), name=str(account), display_name=str(account))
    options, _state = _server().register_begin(
        user,
        credentials=[credential_of(row) for row in known if row.confirmed],
        resident_key_requirement=ResidentKeyRequirement.PREFERRED,
        user_verification=_PREFERRED,
        challenge=websafe_decode(challenge),
    )
    return dict(options.public_key)


def request_options(ceremony: str, challenge: str, account: Account | None = None) -> Mapping[str, Any]:
    """PublicKeyCredentialRequestOptionsJSON: any passkey of this service, or one of the account's."""
    theirs = None if account is None else [credential_of(row) for row in passkeys_of(account) if row.confirmed]
    options, _state = _server().authenticate_begin(
        theirs, user_verification=_VERIFIES[ceremony], challenge=websafe_decode(challenge)
    )
    return dict(options.public_key)


# --- registered, removed --------------------------------------------------------------------------------------------
def add_passkey(*, account: Account, answer: Answer, label: str) -> PasskeyDevice:
    """The passkey counts from now on, under this label; the person is told by mail.

    Raises Refused("wrong_passkey"), WrongState("passkey_exists" or "too_many_passkeys").
    """
    parsed = _parsed(answer, RegistrationResponse)
    data, counter = _registered(parsed, _spent(parsed, answer, REGISTER))
    with transaction.atomic():
        Account.objects.select_for_update().get(pk=account.pk)
        known = list(PasskeyDevice.objects.filter(user=account))
        if len(known) >= MOST:
            raise WrongState("too_many_passkeys", _("There are too many passkeys. Remove one first."))
        device = _insert(account, data, counter)
        key = vault.subject_key(account.id)
        # Sealed to its own row, whose number the database has just given.
        device.sealed = key.seal(device_place(device, "sealed"), _handle(account, known) + data)
        _name(device, label)
        device.save(update_fields=["sealed", "name_sealed"])
        record_factor("account.factor_added", account, "passkey")
        tell("passkey_added", account)
    return device


def remove_passkey(*, account: Account, device_id: int) -> None:
    """The passkey counts no more. Raises Missing, and WrongState("last_factor") rather than leave none (T41)."""
    with transaction.atomic():
        Account.objects.select_for_update().get(pk=account.pk)
        device = PasskeyDevice.objects.filter(user=account, pk=device_id).first()
        if device is None:
            raise Missing
        keep_one(account, counts=device.confirmed)
        device.delete()
        record_factor("account.factor_removed", account, "passkey")
        tell("passkey_removed", account)


def rename_passkey(*, account: Account, device_id: int, label: str) -> None:
    """The passkey has this name in its person's list, at most `NAME_LENGTH` characters of it. Raises Missing."""
    with transaction.atomic():
        Account.objects.select_for_update().get(pk=account.pk)
        device = passkey_of(account, device_id)
        _name(device, label)
        device.save(update_fields=["name_sealed"])
        record_factor("account.factor_renamed", account, "passkey")


def passkey_of(account: Account, device_id: int) -> PasskeyDevice:
    """The account's passkey of this number, with its `label`. Raises Missing."""
    for device in passkeys_of(account):
        if device.pk == device_id:
            return device
    raise Missing


def passkeys_of(account: Account) -> list[PasskeyDevice]:
    """The passkeys, oldest first, with those that count no more; each with the `label` its person gave it."""
    rows = list(PasskeyDevice.objects.filter(user=account).order_by("created_at", "pk"))
    if not rows:
        return []
    key = vault.subject_key(account.id)
    for row in rows:
        row.label = key.open(device_place(row, "name_sealed"), bytes(row.name_sealed)).decode()
    return rows


# --- the proof ------------------------------------------------------------------------------------------------------
def prove_passkey(*, answer: Answer, ceremony: str, account: Account | None = None) -> PasskeyDevice:
    """The passkey that signed; of this account, or without one of whoever it belongs to.

    Raises Refused("wrong_passkey") for every cause alike, and Refused("passkey_copied") once its count did not rise.
    """
    try:
        parsed = _parsed(answer, AuthenticationResponse)
        challenge = _spent(parsed, answer, ceremony)
        device, is_copy = _signed(parsed, challenge, ceremony, account)
    except Refused:
        _record_refusal(account, "wrong_passkey")
        raise
    if is_copy:
        raise Refused(
            "passkey_copied",
            _("This passkey seems to exist twice and no longer counts. Sign in another way and remove it."),
        )
    return device


def _signed(
    parsed: AuthenticationResponse, challenge: str, ceremony: str, account: Account | None
) -> tuple[PasskeyDevice, bool]:
    with transaction.atomic():
        device = _device(parsed.raw_id, account)
        credential = credential_of(device)
        if not _is_handle_of(device, parsed.response.user_handle, required=account is None):
            raise _wrong()
        _checked(parsed, challenge, ceremony, credential)
        counter = parsed.response.authenticator_data.counter
        if (counter or device.sign_count) and counter <= device.sign_count:
            _suspend(device)
            return device, True
        device.sign_count, device.last_used_at = counter, timezone.now()
        device.save(update_fields=["sign_count", "last_used_at"])
    return device, False


def _device(credential_id: bytes, account: Account | None) -> PasskeyDevice:
    """The passkey, once nobody else is at work on the account's passkeys."""
    indexes = vault.blind_indexes(CREDENTIAL_COLUMN, credential_id.hex())
    rows = PasskeyDevice.objects.filter(credential_index__in=indexes, confirmed=True, user__is_active=True)
    if account is not None:
        rows = rows.filter(user=account)
    owner = rows.values_list("user", flat=True).first()
    locked = Account.objects.select_for_update().filter(pk=owner).first()
    device = rows.select_related("user").first() if locked is not None else None
    if device is None:
        raise _wrong()
    return device


def _checked(parsed: AuthenticationResponse, challenge: str, ceremony: str, credential: AttestedCredentialData) -> None:
    state = {"challenge": challenge, "user_verification": _VERIFIES[ceremony]}
    try:
        _server().authenticate_complete(state, [credential], parsed)
    except _MALFORMED:
        raise _wrong() from None


def _registered(parsed: RegistrationResponse, challenge: str) -> tuple[AttestedCredentialData, int]:
    """The new credential without the model of its authenticator, and its count of signatures."""
    found = parsed.response.attestation_object.auth_data.credential_data
    if found is None or found.public_key.get(3) not in ALGORITHMS:
        raise _wrong()
    try:
        data = _server().register_complete({"challenge": challenge, "user_verification": _PREFERRED}, parsed)
        kept = AttestedCredentialData.create(Aaguid.NONE, found.credential_id, found.public_key)
    except _MALFORMED:
        raise _wrong() from None
    return kept, data.counter


def _insert(account: Account, data: AttestedCredentialData, counter: int) -> PasskeyDevice:
    try:
        with transaction.atomic():
            return PasskeyDevice.objects.create(
                user=account, name="", confirmed=True, sign_count=counter, sealed=b"", name_sealed=b"",
                credential_index=credential_index(data.credential_id),
            )  # fmt: skip
    except IntegrityError:
        raise WrongState("passkey_exists", _("This passkey is registered already.")) from None


def _name(device: PasskeyDevice, label: str) -> None:
    key = vault.subject_key(device.user_id)
    device.name_sealed = key.seal(device_place(device, "name_sealed"), label.strip()[:NAME_LENGTH].encode())


def _suspend(device: PasskeyDevice) -> None:
    device.confirmed = False
    device.save(update_fields=["confirmed"])
    record_factor("account.factor_suspended", device.user, "passkey", reason="sign_count")
    sign_out_everywhere(account=device.user)
    tell("passkey_copied", device.user)


# --- parts ----------------------------------------------------------------------------------------------------------
def credential_index(credential_id: bytes) -> bytes:
    """The blind index a credential is found by."""
    return vault.blind_index(CREDENTIAL_COLUMN, credential_id.hex())


def credential_of(device: PasskeyDevice) -> AttestedCredentialData:
    """Credential id and public key, opened."""
    return AttestedCredentialData(_opened(device)[_HANDLE:])


def _handle(account: Account, known: Sequence[PasskeyDevice]) -> bytes:
    """What authenticators call the account by: the one its other passkeys have, else one derived from its id.

    By a key that does not rotate: the browser was told it before the passkey is here.
    """
    if known:
        return _opened(known[0])[:_HANDLE]
    return vault.keyed_digest("passkey handle", account.id.bytes)


def _is_handle_of(device: PasskeyDevice, handle: bytes | None, *, required: bool) -> bool:
    return not required if handle is None else secrets.compare_digest(handle, _opened(device)[:_HANDLE])


def _opened(device: PasskeyDevice) -> bytes:
    return vault.subject_key(device.user_id).open(device_place(device, "sealed"), bytes(device.sealed))


def _parsed(answer: Answer, kind: type[Parsed]) -> Parsed:
    if len(answer.text) > MOST_BYTES:
        raise _wrong()
    try:
        parsed = kind.from_dict(json.loads(answer.text))
        if parsed is None or parsed.response.client_data.cross_origin:
            raise _wrong()
    except _MALFORMED:
        raise _wrong() from None
    return parsed


def _spent(parsed: RegistrationResponse | AuthenticationResponse, answer: Answer, ceremony: str) -> str:
    """The challenge that was answered; nobody answers it again, whatever becomes of this answer."""
    challenge: bytes = parsed.response.client_data.challenge
    text = websafe_encode(challenge)
    mine = PasskeyChallenge.objects.filter(digest__in=_digests(challenge), ceremony=ceremony)
    if text not in answer.challenges or not mine.filter(expires_at__gt=timezone.now()).delete()[0]:
        raise _wrong()
    return text


def _server() -> Fido2Server:
    relying_party = PublicKeyCredentialRpEntity(name=ISSUER, id=settings.PASSKEY_RP_ID)
    server = Fido2Server(
        relying_party,
        attestation=AttestationConveyancePreference.NONE,
        verify_origin=lambda origin: origin in settings.PASSKEY_ORIGINS,
    )
    server.timeout = int(LIFETIME.total_seconds() * 1000)  # type: ignore[assignment]  # untyped there
    server.allowed_algorithms = [each for each in server.allowed_algorithms if each.alg in ALGORITHMS]
    return server


def _record_refusal(account: Account | None, reason: str) -> None:
    details = {"reason": reason} | ({} if account is None else {"account": str(account.id)})
    actor = actors.system("web") if account is None else actor_of(account)
    with transaction.atomic():
        audit.record("account.sign_in_refused", actor=actor, details=details)


def _wrong() -> Refused:
    return Refused("wrong_passkey", _("This passkey was not accepted. Please try again, or use another way."))


def _digest(challenge: bytes) -> bytes:
    return vault.keyed_digest("passkey", challenge)


def _digests(challenge: bytes) -> list[bytes]:
    return vault.keyed_digests("passkey", challenge)


def device_place(device: PasskeyDevice, column: str) -> Place:
    """The cells of a passkey."""
    return Place("access_passkeydevice", column, str(device.pk))
