"""Registering people, recognising them, and letting go of what they are recognised by."""

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from typing import Final, TypeVar
from uuid import UUID, uuid4

from django.db import IntegrityError, connection, transaction
from django.db.models import Q
from django.db.transaction import TransactionManagementError
from django.utils import timezone

from access.models import Account, Application
from audit import actors
from audit import services as audit
from gdpr_portal.errors import Missing, Unavailable, WrongState
from gdpr_portal.prepared import Loaded, Prepared
from subjects import cells, hooks, normalise, selectors
from subjects.models import ApplicationLink, Identifier, Subject
from subjects.services.given import Profile, checked_identifiers, checked_profile
from vault import services as vault

Done = TypeVar("Done")
_TRIES: Final = 5
_UNIQUE: Final = frozenset({"identifier_of_one_person"})
_LOCKED = Loaded(Subject, "WHERE id = %(id)s FOR UPDATE")
_OWNERS = Prepared("SELECT kind, subject_id FROM subjects_identifier WHERE index = ANY(%(indexes)s::bytea[])")
_OF_PERSON = ("id", "pseudonym", "language", "country", "birth_date_sealed", "created_at")
_CREATE = Prepared(f"""
WITH key AS ({vault.KEY}), person AS (
    INSERT INTO subjects_subject ({", ".join(_OF_PERSON)}) VALUES ({", ".join(f"%({name})s" for name in _OF_PERSON)})
), names AS (
    INSERT INTO subjects_identifier (id, subject_id, kind, application_id, index, sealed, created_at)
    SELECT given.id, %(id)s, given.kind, given.application_id, given.index, given.sealed, %(created_at)s
    FROM unnest(%(ids)s::uuid[], %(kinds)s::text[], %(applications)s::uuid[], %(indexes)s::bytea[], %(sealed)s::bytea[])
        AS given (id, kind, application_id, index, sealed)
), link AS (
    INSERT INTO subjects_applicationlink (subject_id, application_id, created_at)
    VALUES (%(id)s, %(application)s, %(created_at)s)
) {audit.NAMED} RETURNING id
""")  # noqa: S608 - constants of our modules
"""A person with their key, what they are recognised by, who knows them, and the event; all or none."""
_VOUCHES = Prepared("""
SELECT (NOT %(is_third_party)s AND EXISTS (SELECT FROM subjects_applicationlink
    WHERE subject_id = %(subject)s AND application_id = %(application)s AND NOT by_phone_alone)) OR EXISTS (
    SELECT FROM subjects_identifier WHERE subject_id = %(subject)s AND kind = ANY(%(kinds)s) AND kind <> 'phone'
    AND is_vouched AND (application_id IS NULL OR application_id = %(application)s)),
EXISTS (SELECT FROM subjects_applicationlink
    WHERE subject_id = %(subject)s AND application_id = %(application)s AND by_phone_alone) OR EXISTS (
    SELECT FROM subjects_identifier WHERE subject_id = %(subject)s AND NOT is_vouched)
""")
"""Whether the application knew the person before, or names them by more than a telephone number; and whether anything
of them waits for such a word. A third party may know somebody because they share with it, which proves nothing."""
_LOCKED_KNOWN = Loaded(Subject, f"{selectors.KNOWN} FOR UPDATE")


class _OvertakenError(Exception):
    """Somebody erased or registered the person since they were looked up: look again."""


# --- registering ----------------------------------------------------------------------------------------------------
def register_subject(
    *,
    application: Application,
    identifiers: Mapping[str, str],
    language: str | None = None,
    country: str | None = None,
    birth_date: date | str | None = None,
) -> tuple[Subject, bool]:
    """The application knows the person with these identifiers; True when the person is new here.

    A known person gets the kinds of identifier they lack, and of the profile what is empty; nothing given replaces
    anything (rectification is a right of its own, Art. 16). Parallel calls for one person give one person: the
    unique blind index decides and the loser looks again. Raises Invalid, and WrongState(`identifier_conflict`) when
    the identifiers belong to two people or contradict one held.

    What is given together with nothing but a telephone number of somebody whom others registered is kept and finds the
    person, and proves nothing: whoever fills in a form may know another's number (decision 0067). Nor does it fill the
    profile: a date of birth says who may consent.
    """
    given = checked_identifiers(identifiers)
    profile = checked_profile(language, country, birth_date)
    return _again_if_overtaken(lambda: _register(application, given, profile))


def register_new(
    *,
    application: Application,
    identifiers: Mapping[str, str],
    language: str | None = None,
    country: str | None = None,
    birth_date: date | str | None = None,
) -> Subject | None:
    """As `register_subject`, of somebody nobody here knows, in the caller's transaction; None for anybody else, with
    nothing written. IntegrityError when somebody registers them at this moment: the caller undoes and looks again."""
    given = checked_identifiers(identifiers)
    profile = checked_profile(language, country, birth_date)
    return None if owners_of(application, given) else _create(application, given, profile)


def _register(application: Application, given: dict[str, str], profile: Profile) -> tuple[Subject, bool]:
    owners = owners_of(application, given)
    if not owners:
        return _create(application, given, profile), True
    if len(set(owners.values())) > 1:
        raise _conflict()
    subject = lock_subject(next(iter(owners.values())))
    if subject.erased_at is not None:
        raise _OvertakenError
    vouches, waits = _vouches(application, subject, owners)
    added = _add_missing(application, subject, given, owners, is_vouched=vouches)
    if vouches:
        _fill_profile(subject, profile)
    link_application(subject=subject, application=application, by_phone_alone=not vouches)
    if vouches and waits:
        _take_word_for(application, subject, owners)
    _record("subject.identified", application, subject, added, vouched=vouches)
    return subject, False


def _vouches(application: Application, subject: Subject, named: Iterable[str]) -> tuple[bool, bool]:
    about = {"subject": subject.pk, "application": application.pk, "is_third_party": application.is_third_party}
    [(vouches, waits)] = _VOUCHES.all(kinds=list(named), **about)
    return vouches, waits


def _take_word_for(application: Application, subject: Subject, kinds: Iterable[str]) -> None:
    """What was known by a telephone number alone is known better now: these kinds, and the application itself."""
    mine = Q(application=None) | Q(application=application)
    Identifier.objects.filter(mine, subject=subject, kind__in=kinds, is_vouched=False).update(is_vouched=True)
    ApplicationLink.objects.filter(subject=subject, application=application).update(by_phone_alone=False)


def _create(application: Application, given: dict[str, str], profile: Profile) -> Subject:
    subject = Subject(
        id=uuid4(), language=profile.language or "", country=profile.country or "", created_at=timezone.now()
    )
    key, of_key = vault.first_key(subject.pk)
    if profile.birth_date:
        subject.birth_date_sealed = sealed_birth_date(key, subject, profile.birth_date)
    rows = new_identifiers(application, subject.pk, given, key)
    _CREATE.one(
        **{name: getattr(subject, name) for name in _OF_PERSON},
        application=application.pk,
        ids=[row.pk for row in rows],
        kinds=[row.kind for row in rows],
        applications=[row.application_id for row in rows],
        indexes=[row.index for row in rows],
        sealed=[row.sealed for row in rows],
        **of_key,
        **audit.named(_entry("subject.created", application, subject, sorted(given))),
    )
    subject._state.adding, subject._state.db = False, "default"
    return subject


def _add_missing(
    application: Application, subject: Subject, given: dict[str, str], owners: dict[str, UUID], *, is_vouched: bool
) -> list[str]:
    lacking = {kind: value for kind, value in given.items() if kind not in owners}
    if not lacking:
        return []
    # Under the lock now: another call may have added the same ones since the first look.
    known = owners_of(application, lacking)
    if set(known.values()) - {subject.pk}:
        raise _conflict()
    added = {kind: value for kind, value in lacking.items() if kind not in known}
    if added.keys() & set(selectors.identifiers_of(application, subject)):
        raise _conflict()
    key = vault.subject_key(subject.pk)
    rows = new_identifiers(application, subject.pk, added, key)
    for row in rows:
        row.is_vouched = is_vouched
    Identifier.objects.bulk_create(rows)
    return sorted(added)


def _fill_profile(subject: Subject, profile: Profile) -> None:
    changed = []
    for name in ("language", "country"):
        if getattr(profile, name) and not getattr(subject, name):
            setattr(subject, name, getattr(profile, name))
            changed.append(name)
    if profile.birth_date and subject.birth_date_sealed is None:
        key = vault.subject_key(subject.pk)
        subject.birth_date_sealed = sealed_birth_date(key, subject, profile.birth_date)
        changed.append("birth_date_sealed")
    if changed:
        subject.save(update_fields=changed)
    if "birth_date_sealed" in changed:
        for tell in hooks.birth_date_known:
            tell(subject)


def owners_of(application: Application, given: Mapping[str, str]) -> dict[str, UUID]:
    """Who has these normalised identifiers, by kind; kinds nobody has are left out. One statement."""
    indexes = [
        index for kind, value in given.items()
        for index in vault.blind_indexes(cells.index_column(kind, application.pk), value)
    ]  # fmt: skip
    return dict(_OWNERS.all(indexes=indexes))


def new_identifiers(
    application: Application, subject: UUID, given: Mapping[str, str], key: vault.SubjectKey
) -> list[Identifier]:
    """Unsaved rows of these normalised identifiers, sealed under the person's key."""
    return [_identifier(application, subject, kind, value, key) for kind, value in given.items()]


def _identifier(application: Application, subject: UUID, kind: str, value: str, key: vault.SubjectKey) -> Identifier:
    row = Identifier(id=uuid4(), subject_id=subject, kind=kind)
    row.index = vault.blind_index(cells.index_column(kind, application.pk), value)
    row.application_id = application.pk if kind == Identifier.Kind.CUSTOMER_ID else None
    row.sealed = key.seal(cells.identifier_place(row.pk), value.encode())
    return row


def sealed_birth_date(key: vault.SubjectKey, subject: Subject, day: date) -> bytes:
    """The date of birth as the row keeps it."""
    return key.seal(cells.birth_date_place(subject.pseudonym), day.isoformat().encode())


# --- recognising ----------------------------------------------------------------------------------------------------
def look_up_subject(*, application: Application, kind: str, value: str) -> Subject:
    """The person found by exact match, and the log knows that it was asked; Missing is logged too."""
    try:
        subject = selectors.find_subject(application=application, kind=kind, value=value)
    except Missing:
        _record_look_up(application, kind, None)
        raise
    _record_look_up(application, kind, subject)
    return subject


def _record_look_up(application: Application, kind: str, subject: Subject | None) -> None:
    details: dict[str, str | bool] = {"application": application.slug, "kind": kind, "found": subject is not None}
    pseudonym = subject.pseudonym if subject else None
    with transaction.atomic():
        audit.record(
            "subject.looked_up", actor=actors.application(application.slug), subject=pseudonym, details=details
        )


def link_application(*, subject: Subject, application: Application, by_phone_alone: bool = False) -> None:
    """The application may know of the person: it registered them or their data goes to it. Idempotent."""
    link = ApplicationLink(subject=subject, application=application, by_phone_alone=by_phone_alone)
    ApplicationLink.objects.bulk_create([link], ignore_conflicts=True)


def speak_as_chosen(account: Account) -> None:
    """Mails about requests and copies of data are in the language its owner chose in the portal (Art. 12(1))."""
    Subject.objects.filter(account=account, erased_at=None).update(language=account.language)


def claim_subject(account: Account, email: str) -> Subject:
    """The account is the person's whose verified e-mail address this is; new people are made (Art. 12(2)).

    Never takes over somebody who has another account, or of whom nobody vouches that the address is theirs: then the
    account gets a person of its own, without the address. Idempotent. Called inside the transaction that makes the
    account (`access.hooks.account_ready`).
    """
    address = normalise.email(email)
    return _again_if_overtaken(lambda: _claim(account, address))


def _claim(account: Account, address: str) -> Subject:
    mine = Subject.objects.filter(account=account).first()
    if mine is not None:
        return mine
    indexes = vault.blind_indexes(cells.index_column(Identifier.Kind.EMAIL, account.pk), address)
    found = Identifier.objects.filter(index__in=indexes).first()
    subject = lock_subject(found.subject_id) if found else None
    if subject is not None and subject.erased_at is not None:
        raise _OvertakenError
    if found is None or subject is None or subject.account_id is not None or not found.is_vouched:
        subject = _own_person(account, address if found is None else None)
    subject.account = account
    subject.save(update_fields=["account"])
    audit.record(
        "subject.claimed", actor=actors.SUBJECT, subject=subject.pseudonym,
        details={"account": str(account.pk), "kinds": ["email"]},
    )  # fmt: skip
    return subject


def _own_person(account: Account, address: str | None) -> Subject:
    subject = Subject(id=uuid4(), language=account.language)
    key = vault.create_data_key(subject.pk)
    subject.save(force_insert=True)
    if address is not None:
        row = Identifier(id=uuid4(), subject=subject, kind=Identifier.Kind.EMAIL)
        row.index = vault.blind_index(cells.index_column(row.kind, account.pk), address)
        row.sealed = key.seal(cells.identifier_place(row.pk), address.encode())
        row.save(force_insert=True)
    return subject


def lock_subject(subject_id: UUID) -> Subject:
    """The person's row, locked until the transaction ends: the first lock of every service. Raises Missing."""
    if not connection.in_atomic_block:
        raise TransactionManagementError("A lock is taken in the transaction of its act: none is open.")
    subject = _LOCKED.first(id=subject_id)
    if subject is None:
        raise Missing()
    return subject


def lock_known_subject(*, application: Application, pairwise: UUID) -> Subject:
    """The same of the person this application knows by this id; Missing for any other id."""
    if not connection.in_atomic_block:
        raise TransactionManagementError("A lock is taken in the transaction of its act: none is open.")
    subject = _LOCKED_KNOWN.first(id=vault.subject_of(application.pk, pairwise), application=application.pk)
    if subject is None:
        raise Missing()
    return subject


def lock_subjects(subject_ids: Iterable[UUID]) -> dict[UUID, Subject]:
    """The rows of these people, locked in the order of their ids, so that two workers never wait for each other."""
    rows = Subject.objects.select_for_update().filter(pk__in=list(subject_ids))
    return {row.pk: row for row in rows.order_by("pk")}


# --- letting go -----------------------------------------------------------------------------------------------------
def mark_erased(*, subject: Subject, actor: str, request: UUID | None = None, at: datetime | None = None) -> bool:
    """The person counts as erased: a row of random ids without identifiers or profile. False when it did before.

    The account is another step's, so that the person can watch until the end. Every door answers `erased` from the
    commit on, but for what is retained by law.
    """
    with transaction.atomic(savepoint=False):
        row = lock_subject(subject.pk)
        if row.erased_at is not None:
            return False
        mark_all_erased(people={row: request}, actor=actor, at=at)
    subject.erased_at = row.erased_at
    return True


def mark_all_erased(*, people: Mapping[Subject, UUID | None], actor: str, at: datetime | None = None) -> None:
    """`mark_erased` of these, each with its request, in a few statements; the caller has locked their rows."""
    empty = {"language": "", "country": "", "birth_date_sealed": None, "erased_at": at or timezone.now()}
    going = [row for row in people if row.erased_at is None]
    Identifier.objects.filter(subject__in=going).delete()  # from now on the same identifiers make a new person
    Subject.objects.filter(pk__in=[row.pk for row in going]).update(**empty)
    for row in going:
        row.__dict__.update(empty)
    entries = [
        audit.Entry(
            action="subject.erased",
            actor=actor,
            subject=row.pseudonym,
            details={"request": str(people[row])} if people[row] else {},
        )
        for row in going
    ]
    audit.record_many(entries)


def _record(action: str, application: Application, subject: Subject, kinds: list[str], *, vouched: bool) -> None:
    audit.record_many([_entry(action, application, subject, kinds, vouched=vouched)])


def _entry(action: str, application: Application, subject: Subject, kinds: list[str], **more: bool) -> audit.Entry:
    return audit.Entry(
        action=action,
        actor=actors.application(application.slug),
        subject=subject.pseudonym,
        details={"application": application.slug, "kinds": kinds, **more},
    )


def _conflict() -> WrongState:
    return WrongState("identifier_conflict", "The identifiers belong to different people, or contradict one held.")


def _again_if_overtaken(act: Callable[[], Done]) -> Done:
    """What the act gives, in a transaction; done again when somebody erased or registered the person meanwhile."""
    for _ in range(_TRIES):
        try:
            with transaction.atomic():
                return act()
        except _OvertakenError:
            continue
        except IntegrityError as error:
            diagnostics = getattr(error.__cause__, "diag", None)
            if getattr(diagnostics, "constraint_name", None) not in _UNIQUE:
                raise
    raise Unavailable("unavailable", "This person is being registered by others at this moment.")
