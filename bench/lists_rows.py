"""Rows of nearly every table for `bench.lists`, made by SQL from their number: references follow from it.

What is sealed is of no matter to a list, and does not open (a page that
needs it is a 503: the places run by hand). One request in five hundred is open.
"""

PURPOSES = "(ARRAY['newsletter','orders','purpose_1','purpose_2'])[1 + n % 4]"
PERSON = "md5('s' || n)::uuid"
REQUEST = "md5('r' || n)::uuid"
STEP = "md5('t' || n)::uuid"
RIGHTS = "(ARRAY['access','erasure','portability','objection','rectification'])[1 + n % 5]"
PAST = "now() - n % 365 * interval '1 day' - n % 1440 * interval '1 minute'"
IN_TURN = "now() - interval '365 days' + n * interval '15 seconds'"
"""Two million of them in a year, as they come in: one after the other."""
OPEN = "n % 500 = 0"
"""One request in five hundred is open."""
STATE = (
    f"CASE WHEN {OPEN} THEN (ARRAY['received','verifying','in_review','in_progress'])[1 + n / 500 % 4]"
    " ELSE (ARRAY['completed','completed','completed','refused','withdrawn','expired_unverified'])[1 + n % 6] END"
)
RECENT = "now() - n / 500 % 25 * interval '1 day' - interval '1 hour'"
RECEIVED = f"CASE WHEN {OPEN} THEN {RECENT} ELSE {PAST} - interval '40 days' END"

TABLES: dict[str, tuple[float, dict[str, str]]] = {
    "subjects_subject": (1, {
        "id": PERSON, "pseudonym": "md5('p' || n)::uuid", "language": "'en'", "created_at": PAST,
        "account_id": "CASE WHEN n % 3 = 0 THEN md5('a' || n)::uuid END",
        "erased_at": f"CASE WHEN n % 10 = 1 THEN {PAST} END",
    }),
    "access_account": (1, {
        "id": "md5('a' || n)::uuid", "email_index": "decode(md5('a' || n), 'hex')", "email_sealed": "'\\x00'",
        "is_active": "true", "language": "'en'", "created_at": PAST,
    }),
    "access_accountsession": (0.1, {
        "session_key": "md5(n::text)", "expire_date": "now() + interval '5 hours'",
        "account_id": "md5('a' || n)::uuid",
    }),
    "access_totpdevice": (1, {"user_id": "md5('a' || n)::uuid", "confirmed": "true", "name": "'app'"}),
    "access_outgoingmail": (0.05, {"id": "md5('m' || n)::uuid", "kind": "'code'", "given_up_at": PAST}),
    "access_idempotencykey": (0.2, {
        "application_id": "%(shop)s", "method": "'POST'", "path": "'/api/v1/subjects/' || n", "key": "'k'",
        "created_at": "now() - n % 86000 * interval '1 second'",
    }),
    "access_mailcode": (0.1, {"id": "md5('c' || n)::uuid", "reason": "'signup'", "expires_at": "now() + '5 min'"}),
    "access_attempt": (0.1, {"key": "decode(md5('x' || n), 'hex')", "window_ends_at": "now() + '5 min'"}),
    "access_accesstoken": (0.05, {
        "digest": "decode(md5('x' || n), 'hex')", "application_id": "%(shop)s", "expires_at": "now() + '5 min'",
    }),
    "subjects_applicationlink": (1, {"subject_id": PERSON, "application_id": "%(shop)s", "created_at": PAST}),
    "subjects_identifier": (1, {
        "id": "md5('i' || n)::uuid", "subject_id": PERSON, "kind": "'email'", "created_at": PAST,
        "index": "decode(md5('i' || n), 'hex')",
    }),
    "subjects_personalvalue": (1, {
        "id": "md5('v' || n)::uuid", "subject_id": PERSON, "field": "(ARRAY['email','phone','given_name'])[1 + n % 3]",
        "source": "'subject'", "created_at": PAST, "updated_at": PAST,
    }),
    "subjects_valuepurpose": (1, {"value_id": "md5('v' || n)::uuid", "purpose": PURPOSES, "since": PAST}),
    "subjects_restriction": (0.05, {
        "id": "md5('x' || n)::uuid", "subject_id": PERSON, "ground": "'legal_claims'", "since": PAST,
        "lifted_at": f"CASE WHEN n % 20 > 0 THEN {PAST} END",
    }),
    "subjects_retention": (0.1, {
        "subject_id": PERSON, "purpose": "'tax_records'", "since": PAST,
        "until": "now() + n % 3000 * interval '1 day'",
    }),
    "vault_datakey": (1, {"owner": PERSON, "master_version": "1", "version": "1", "created_at": PAST}),
    "vault_tombstone": (0.1, {"id": "md5('x' || n)::uuid", "kind": "'erased'", "mark": "decode(md5('x' || n), 'hex')"}),
    "consent_consentevent": (2, {
        "event": "md5('e' || n)::uuid", "subject_id": "md5('s' || n / 2)::uuid", "purpose": PURPOSES,
        "action": "(ARRAY['give','give','refuse','withdraw'])[1 + n % 4]", "channel": "'api'", "actor": "'subject'",
        "state": "(ARRAY['given','given','refused','withdrawn'])[1 + n % 4]", "notice_version": "1", "at": IN_TURN,
        "application_id": "%(shop)s", "recorded_at": IN_TURN, "notice_language": "'en'",
        "recipient": "CASE WHEN n % 20 = 0 THEN 'acme' ELSE '' END",
    }),
    "consent_standing": (2, {
        "event": "md5('e' || n)::uuid", "subject_id": "md5('s' || n / 2)::uuid", "since": PAST,
        "purpose": "(ARRAY['newsletter','purpose_1'])[1 + n % 2]", "notice_version": "1", "notice_language": "'en'",
        "state": "(ARRAY['given','given','refused','withdrawn'])[1 + n / 2 % 4]",
        "expires_at": "CASE WHEN n / 2 % 4 < 2 THEN now() + n % 700 * interval '1 day' + interval '1 hour' END",
    }),
    "consent_objection": (0.05, {
        "id": "md5('o' || n)::uuid", "subject_id": PERSON, "purpose": "'direct_marketing'", "since": PAST,
    }),
    "consent_delivery": (1, {
        "id": "md5('d' || n)::uuid", "subject_id": PERSON, "application_id": "%(shop)s", "sequence": "1",
        "type": "(ARRAY['consent.withdrawn','sharing.stopped','erasure.requested'])[1 + n % 3]", "purpose": PURPOSES,
        "state": "CASE WHEN n % 1000 = 0 THEN 'sent' ELSE 'acknowledged' END", "created_at": PAST, "sent_at": PAST,
        "outcome": "CASE WHEN n % 1000 = 0 THEN '' ELSE 'done' END",
        "closed_at": f"CASE WHEN n % 1000 > 0 THEN {PAST} + interval '2 minutes' END",
        "request": f"CASE WHEN n % 3 = 2 THEN {REQUEST} END",
    }),
    "consent_handnotice": (0.05, {
        "id": "md5('h' || n)::uuid", "subject_id": PERSON, "recipient": "'acme'", "purpose": PURPOSES,
        "type": "'sharing.stopped'", "state": "CASE WHEN n % 1000 = 0 THEN 'waiting' ELSE 'confirmed' END",
        "created_at": PAST, "closed_at": PAST,
    }),
    "consent_sharingask": (0.1, {
        "id": "md5('q' || n)::uuid", "subject_id": PERSON, "application_id": "%(acme)s", "recipient": "'acme'",
        "purpose": "'newsletter'", "asked_at": PAST, "lapses_at": "now() + n % 14 * '1 day'::interval + '1 hour'",
        "state": "CASE WHEN n % 50 = 0 THEN 'asked' ELSE 'lapsed' END", "answered_at": PAST,
    }),
    "consent_confirmation": (0.3, {
        "id": "md5('c' || n)::uuid", "event": "md5('e' || n)::uuid", "purpose": PURPOSES, "kind": "'own'",
        "state": "CASE WHEN n % 50 = 0 THEN 'waiting' ELSE 'confirmed' END", "subject_id": PERSON,
        "expires_at": "now() + n % 14 * '1 day'::interval + '1 hour'", "created_at": PAST, "confirmed_at": PAST,
    }),
    "consent_reminder": (0.2, {
        "event": "md5('e' || n)::uuid", "subject_id": PERSON, "kind": "'ending'", "at": PAST,
    }),
    "consent_consentproof": (0.02, {
        "id": "md5('x' || n)::uuid", "event": "md5('e' || n)::uuid", "subject_id": PERSON, "added_at": PAST,
        "content_type": "'application/pdf'", "added_by_id": "%(rita)s", "digest": "md5('x' || n)", "sealed": "'\\x00'",
    }),
    "consent_decisionchange": (1, {"subject": PERSON, "purpose": PURPOSES, "position": "n", "at": PAST}),
    "consent_decisioncount": (0.3, {
        "application": "'shop'", "purpose": PURPOSES, "code": "'allowed'", "count": "n % 100", "slot": "1",
        "minute": "date_trunc('minute', now()) - n * interval '1 minute'",
    }),
    "consent_fieldread": (0.1, {
        "application": "'shop'", "purpose": PURPOSES, "field": "'field_' || n % 30", "reads": "n % 50",
        "day": "current_date - (n / 60)::int", "last_at": PAST,
    }),
    "consent_finding": (0.05, {
        "id": "md5('f' || n)::uuid", "kind": "'sample'", "event": "md5('e' || n)::uuid", "times": "1",
        "state": "CASE WHEN n % 500 = 0 THEN 'open' ELSE 'closed' END", "first_at": PAST, "last_at": PAST,
        "closed_at": PAST,
    }),
    "consent_attestation": (0.002, {
        "id": "md5('x' || n)::uuid", "application_id": "%(shop)s", "digest": "md5('x' || n)", "passed": "true",
        "finished_at": PAST, "received_at": PAST, "checks": "'[]'",
    }),
    "consent_sample": (0.0002, {
        "id": "md5('x' || n)::uuid", "seed": "'x'", "size": "100", "since": PAST, "until": "now()",
        "population": "1000", "drawn_at": PAST, "drawn_by_id": "%(quentin)s",
    }),
    "consent_sampleentry": (0.02, {
        "sample_id": "md5('x' || 1 + n / 100)::uuid", "place": "n % 100", "event": "md5('e' || n)::uuid",
        "verdict": "'ok'", "marked_at": PAST, "marked_by_id": "%(quentin)s",
    }),
    "erasure_rightsrequest": (1, {
        "id": REQUEST, "subject_id": PERSON, "right": RIGHTS, "state": STATE, "verified_by": "'account'",
        "application_id": "CASE WHEN n % 2 = 0 THEN %(shop)s::uuid END", "by_person": "true",
        "received_at": RECEIVED, "created_at": RECEIVED, "due_at": f"{RECEIVED} + interval '30 days'",
        "completed_at": f"CASE WHEN NOT {OPEN} THEN {RECEIVED} + interval '2 days' END",
        "reviewer_id": "CASE WHEN n % 4 = 1 THEN %(rita)s::uuid END",
    }),
    "erasure_case": (0.5, {"request_id": REQUEST, "assignee_id": "%(rita)s"}),
    "erasure_step": (2, {
        "id": STEP, "request_id": "md5('r' || 1 + (n - 1) / 2)::uuid", "position": "n % 2",
        "kind": "(ARRAY['holding','notify'])[1 + n % 2]", "target": "(ARRAY['subjects','shop'])[1 + n % 2]",
        "state": "CASE WHEN (1 + (n - 1) / 2) % 500 > 0 THEN 'done' WHEN n % 3 = 0 THEN 'failed' ELSE 'waiting' END",
        "settled_at": PAST,
    }),
    "erasure_message": (0.4, {
        "id": "md5('m' || n)::uuid", "request_id": "md5('r' || n / 2)::uuid", "by_person": "n % 2 = 0",
        "author_id": "CASE WHEN n % 2 = 1 THEN %(rita)s::uuid END", "at": PAST,
    }),
    "erasure_question": (0.2, {
        "request_id": REQUEST, "kind": "'clarification'", "message_id": "md5('m' || n)::uuid", "asked_at": PAST,
        "answered_at": "now()", "stops_clock": "true",
    }),
    "erasure_comment": (0.1, {
        "id": "md5('x' || n)::uuid", "request_id": REQUEST, "author_id": "%(rita)s", "at": PAST,
    }),
    "erasure_clockmark": (0.2, {"request_id": REQUEST, "mark": "'50'", "at": PAST}),
    "erasure_receipt": (0.3, {"request_id": REQUEST, "jws": "repeat('x', 400)", "created_at": PAST}),
    "erasure_archive": (0.3, {
        "id": "md5('x' || n)::uuid", "request_id": REQUEST, "complete": "true", "created_at": PAST,
        "expires_at": f"{PAST} + interval '14 days'", "collected_at": f"{PAST} + interval '1 day'",
    }),
    "erasure_secondopinion": (0.02, {
        "id": "md5('x' || n)::uuid", "request_id": REQUEST, "kind": "'refusal'", "reason_code": "'excessive'",
        "proposed_by_id": "%(rita)s", "proposed_at": PAST, "decided_at": PAST,
        "agreed": "CASE WHEN n % 500 > 0 THEN true END",
        "decided_by_id": "CASE WHEN n % 500 > 0 THEN %(olga)s::uuid END",
    }),
    "erasure_legalhold": (0.02, {
        "id": "md5('x' || n)::uuid", "subject_id": PERSON, "reason": "'court_order'", "placed_by_id": "%(rita)s",
        "placed_at": PAST, "lift_proposed_by_id": "%(rita)s", "lifted_at": f"CASE WHEN n % 50 > 0 THEN {PAST} END",
        "lifted_by_id": "CASE WHEN n % 50 > 0 THEN %(olga)s::uuid END",
    }),
    "erasure_identitycheck": (0.05, {
        "id": "md5('x' || n)::uuid", "request_id": REQUEST, "doubt": "'unusual'", "method": "'document'",
        "outcome": "'confirmed'", "settled_at": PAST, "asked_by_id": "%(rita)s", "settled_by_id": "%(rita)s",
        "question_id": "n",
    }),
    "erasure_retentionproposal": (0.3, {
        "id": "md5('x' || n)::uuid", "subject_id": PERSON, "fields": "'{email,phone}'", "reason": "'consent_ended'",
        "proposed_at": PAST, "decided_at": f"CASE WHEN n % 500 > 0 THEN {PAST} END",
        "erased": "CASE WHEN n % 500 > 0 THEN true END",
        "decided_by_id": "CASE WHEN n % 500 > 0 THEN %(rita)s::uuid END",
    }),
    "erasure_checkedtext": (0.1, {
        "id": "md5('x' || n)::uuid", "source": "'shop'", "field": "'remark'", "asked_at": PAST, "step_id": STEP,
        "decision": "CASE WHEN n % 500 > 0 THEN 'keep' ELSE '' END",
        "reason": "CASE WHEN n % 500 > 0 THEN 'nobody_else' ELSE '' END",
        "decided_at": f"CASE WHEN n % 500 > 0 THEN {PAST} END",
        "decided_by_id": "CASE WHEN n % 500 > 0 THEN %(rita)s::uuid END",
    }),
    "erasure_manualplace": (0.00002, {
        "id": "md5('l' || n)::uuid", "slug": "'place_' || n", "name": "'Place ' || n", "language": "'en'", "days": "10",
        "declared_at": PAST, "declared_by_id": "%(rita)s", "approved_at": PAST, "approved_by_id": "%(olga)s",
    }),
    "erasure_placetask": (0.1, {
        "id": "md5('x' || n)::uuid", "step_id": STEP, "place_id": "md5('l' || 1 + n % 20)::uuid", "asked_at": PAST,
        "due_at": f"{PAST} + interval '10 days'", "answered_at": f"CASE WHEN n % 500 > 0 THEN {PAST} END",
        "next_at": "CASE WHEN n % 500 = 0 THEN now() + interval '2 days' END",
    }),
    "erasure_accessquestion": (0.1, {
        "id": "md5('x' || n)::uuid", "event": "md5('e' || n)::uuid", "subject_id": PERSON, "application": "'shop'",
        "state": "CASE WHEN n % 500 > 0 THEN 'answered' ELSE 'open' END",
        "outcome": "CASE WHEN n % 500 > 0 THEN 'lawful' ELSE '' END", "asked_at": PAST,
        "due_at": f"{PAST} + interval '30 days'", "answered_at": f"CASE WHEN n % 500 > 0 THEN {PAST} END",
    }),
    "erasure_breach": (0.001, {
        "id": "md5('x' || n)::uuid", "aware_at": PAST, "since": PAST, "until": PAST, "facts": "'A laptop was lost.'",
        "risk": "'risk'", "authority_told_at": f"{PAST} + interval '1 day'", "recorded_by_id": "%(rita)s",
        "recorded_at": PAST, "closed_at": "CASE WHEN n % 100 > 0 THEN now() END",
    }),
    "erasure_evidencepack": (0.002, {
        "id": "md5('x' || n)::uuid", "subject_id": PERSON, "reason": "'court'", "asked_by_id": "%(rita)s",
        "asked_at": PAST,
    }),
    "erasure_jointcase": (0.1, {"id": "md5('x' || n)::uuid", "subject_id": PERSON, "made_at": PAST}),
    "erasure_mandate": (0.05, {
        "id": "md5('x' || n)::uuid", "subject_id": PERSON, "kind": "'parental'", "state": "'ended'",
        "recorded_at": PAST,
    }),
    "erasure_destination": (0.00005, {
        "id": "md5('l' || n)::uuid", "slug": "'d_' || n", "name": "'Destination ' || n", "proposed_at": PAST,
        "proposed_by_id": "%(rita)s", "obstacle": "'no_key'",
    }),
    "erasure_transfer": (0.05, {
        "id": "md5('x' || n)::uuid", "request_id": REQUEST, "destination_id": "md5('l' || 1 + n % 50)::uuid",
        "state": "'failed'", "asked_at": PAST, "ended_at": PAST,
    }),
    "erasure_opendsrrequest": (0.1, {
        "id": "md5('x' || n)::uuid", "subject_request_id": "md5('y' || n)::uuid", "kind": "'access'",
        "received_at": PAST, "told": "'completed'", "application_id": "%(shop)s", "request_id": REQUEST,
    }),
    "erasure_opendsrcall": (0.1, {
        "step_id": STEP, "state": "'closed'", "created_at": PAST, "processor_id": "%(acme)s",
    }),
    "erasure_opendsrcallback": (0.1, {
        "id": "md5('x' || n)::uuid", "about_id": "md5('x' || n)::uuid", "url": "'https://c.example'", "status": "'c'",
        "state": "'sent'", "created_at": PAST, "closed_at": PAST,
    }),
    "erasure_sourceanswer": (0.3, {"id": "md5('x' || n)::uuid", "step_id": STEP, "outcome": "'done'", "at": PAST}),
    "erasure_withheldrows": (0.05, {
        "id": "md5('x' || n)::uuid", "step_id": STEP, "collection": "'orders'", "reason": "'kept'",
        "decision": "'keep'", "article": "'17(3)(b)'", "decided_at": PAST, "decided_by_id": "%(rita)s",
    }),
    "erasure_maillink": (0.1, {
        "id": "md5('x' || n)::uuid", "message_id": "md5('m' || n)::uuid", "made_at": PAST, "expires_at": PAST,
    }),
    "erasure_mandatelink": (0.05, {
        "id": "md5('x' || n)::uuid", "mandate_id": "md5('x' || n)::uuid", "use": "'object'", "made_at": PAST,
        "expires_at": PAST,
    }),
    "erasure_connectorcommit": (0.1, {"step_id": STEP, "run": "n::text", "decided_at": PAST}),
    "erasure_connectorcheck": (0.1, {"step_id": STEP, "looked_at": PAST}),
    "erasure_unidentified": (0.01, {
        "id": "md5('x' || n)::uuid", "right": "'access'", "received_at": PAST, "expires_at": "now() + '5 days'",
    }),
    "audit_event": (1, {
        "at": "now() - interval '1 hour' + n * interval '1 millisecond'", "actor": "'application:shop'",
        "action": "(ARRAY['data.read','consent.given','consent.withdrawn','data.stored','request.received',"
                  "'sharing.stopped'])[1 + n % 6]",
        "subject": "md5('p' || n)::uuid", "request_id": "md5(n::text)", "purpose": PURPOSES,
        "details": """'{"decision": "allowed"}'""",
    }),
}  # fmt: skip
"""Table -> how many rows for each person, and its columns by the number `n`; others that must hold something get an
empty value of their type."""

EMPTY = {
    "varchar": "''", "text": "''", "bytea": "''::bytea", "bool": "false", "timestamptz": "now()", "jsonb": "'{}'",
    "uuid": "gen_random_uuid()", "date": "current_date", "_varchar": "'{}'", "_text": "'{}'", "int2": "0",
    "int4": "0", "int8": "0",
}  # fmt: skip
"""What a column that must hold something gets by its type."""
