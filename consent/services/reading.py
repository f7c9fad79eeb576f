"""The plain read of personal data in one statement: it decides, fetches what is sealed and writes the audit event.

No event, no row; no row, no answer (Art. 5(2), law.md R64). Plain is a read for which nothing is withheld: every field
asked for is in the contract and the purpose, on a ground that stands. What the statement lets through `consent.decide`
decides once more on the same facts, so that the two have to agree. Everything else is for
`consent.services.data.read_data`: refusals and their record, fields withheld, people without a key, third parties.

Commits by itself. A process that dies, or a cell that does not open, after the commit leaves an event of a read that
gave nothing out: one too many, never one too few.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.utils import timezone

from access.models import Application
from audit import actors
from audit.services import COLUMNS, Entry
from audit.services import row as audit_row
from consent.decide import decide
from consent.services.facts import FACTS, FACTS_OF_ONE, Question, asked_of_one, facts_of_one
from gdpr_portal.prepared import Prepared
from subjects.services.values import opened as opened_values
from vault.services import opened as opened_key
from vault.services import subject_of

GATED = f"""
WITH facts AS MATERIALIZED ({FACTS_OF_ONE}),
plain AS MATERIALIZED (
    SELECT facts.*, asked.names, person.pseudonym, key.wrapped, key.master_version, key.commitment,
        key.former
    FROM facts CROSS JOIN LATERAL (SELECT coalesce(%(fields)s::text[], facts.contract::text[]) AS names) asked
    JOIN subjects_subject person ON person.id = facts.id
    JOIN vault_datakey key ON key.owner = facts.id
    WHERE facts.own IS NULL AND facts.live AND facts.erased IS NOT TRUE AND NOT facts.restricted
        AND NOT (facts.slug = ANY(facts.objections))
        AND cardinality(asked.names) > 0
        AND asked.names <@ facts.fields::text[] AND asked.names <@ facts.contract::text[]
        AND (facts.contract_until IS NULL OR facts.contract_until > %(at)s)
        AND (facts.basis <> 'consent' OR EXISTS (SELECT FROM consent_standing yes
            WHERE yes.subject_id = facts.id AND yes.purpose = facts.slug AND yes.recipient = '' AND yes.state = 'given'
                AND (yes.expires_at IS NULL OR yes.expires_at > %(at)s)
                AND coalesce(yes.notice_version, 0) >= coalesce(facts.major_version, 0)))
),
held AS MATERIALIZED (
    SELECT value.id, value.field, value.sealed FROM plain
    JOIN subjects_personalvalue value ON value.subject_id = plain.id AND value.field = ANY(plain.names)
    WHERE EXISTS (SELECT FROM subjects_valuepurpose link WHERE link.value_id = value.id AND link.purpose = plain.slug)
)"""  # noqa: S608  constants only
"""Who may be read and what is held of them: `plain` and `held`."""
FOUND = """plain.*, ARRAY(SELECT id FROM held ORDER BY id), ARRAY(SELECT field::text FROM held ORDER BY id),
    ARRAY(SELECT sealed FROM held ORDER BY id)"""
READ = Prepared(
    f"""{GATED},
audited AS (
    INSERT INTO audit_event ({COLUMNS})
    SELECT %(at)s, %(action)s, %(actor)s, plain.pseudonym, %(request)s, plain.slug,
        ARRAY(SELECT held.field::text FROM held ORDER BY held.field COLLATE "C"),
        %(details)s::jsonb || jsonb_build_object('count', (SELECT count(*) FROM held))
    FROM plain RETURNING id
)
SELECT {FOUND} FROM plain CROSS JOIN audited
""",  # noqa: S608  constants only
    binary=True,
)


def read_plainly(
    *, application: Application, pairwise: UUID, purpose: str, fields: Sequence[str] | None
) -> dict[str, str] | None:
    """The values the application asks for by its own id of the person, in the order asked; the read is in the log.

    None, and nothing written, when anything about it is not plain: then `read_data` answers. Raises `vault.Tampered`.
    """
    now, person = timezone.now(), subject_of(application.id, pairwise)
    row = READ.one(
        fields=None if fields is None else list(fields),
        **asked_of_one(Question(person, purpose), application=application.id, at=now),
        **_event(application, purpose, now),
    )
    if row is None:
        return None
    names, _, wrapped, version, commitment, former, ids, held, sealed = row[FACTS:]
    verdict = decide(facts_of_one(Question(person, purpose, fields=tuple(names)), row, now))
    if not verdict.allowed:
        raise RuntimeError(f"the statement of a plain read let through what is decided as {verdict.code}")
    key = opened_key(person, wrapped, version, commitment, former)
    values = opened_values(key, zip(ids, held, sealed, strict=True))
    return {name: values[name] for name in names if name in values}


def _event(application: Application, purpose: str, now: Any) -> dict[str, Any]:
    """What is known of the event before the statement runs, checked against the vocabulary."""
    entry = Entry(
        action="data.read", actor=actors.application(application.slug), purpose=purpose,
        details={"application": application.slug, "withheld": 0},
    )  # fmt: skip
    _, action, actor, _, request, _, _, details = audit_row(entry, at=now)
    return {"action": action, "actor": actor, "request": request, "details": details}
