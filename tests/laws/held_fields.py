"""Every model field of ours that could hold personal data, and what is done about it. A new one must be added here."""

EXPORTED = "a personal value: in the archive, and gone after an erasure"
KEY = "opens or finds a personal value, and is none: gone with it"
CODE = "a code, state or slug of the catalogue"
STAFF = "written by staff about the catalogue, never about a person"
APP = "about an application"
DESK = "what colleagues call a member of staff; empty for data subjects (access.services.staff)"
RANDOM = "a random or keyed value, from which nothing of a person can be told"
PROOF = "hashes and signatures of the log"
ADDRESS = "the address the person is identified by (in the archive from subjects.Identifier); gone with the account"
NAMED = "what the person calls a passkey: in the archive with their identity; gone with the account"
SHORT = "sealed and kept for minutes or a day; purged, and holds ids where it lasts"
MAIL = "the address and the words, sealed, until a mail server has taken them, at most ten days"
LAST_NOTICE = "the person's address, sealed, until the last notice has gone out"
FOR_A_STEP = "what a connector finds the person by, sealed, until its step is done"
LEFT_THERE = "keys of rows left in a connector's database, sealed, until a decision about them is carried out"
SIGNED = "a signed statement of states and dates, which names nobody (Art. 5(2))"
PARENT = "another person's, sealed under the child's key: not in the child's archive (Art. 15(4)), gone with an erasure"
SCAN = "a scan the person signed: in the archive as base64, gone after an erasure (tests/consent/test_paper.py)"
SEEN = "evidence of identity: in the archive, gone with the decision and its key (tests/erasure/test_identity.py)"
ACTS = "who acts for the person: the name is in the archive, the address theirs (Art. 15(4)); gone with an erasure"
MANDATE = "in the archive as base64, gone after an erasure (tests/erasure/test_mandates.py)"
ON_ITS_WAY = (
    "what somebody else holds of the person, sealed, until an archive hands it on (tests/erasure/test_sources.py)"
)
LOOKED_AT = "a text other people may stand in, sealed, until the archive was built (tests/erasure/test_others.py)"
RESPONDENT = "who answers for a place run by hand, by their office; sealed by the service's own key"
ASKED = "what somebody we could not identify asked for, sealed by the service's own key; gone with its link, in 30 days"
SESSION = "references, times and the kind of browser (access.sessions): in the archive; gone with the account"

HELD: dict[str, dict[str, str]] = {
    "subjects.Subject": {"language": EXPORTED, "country": EXPORTED, "birth_date_sealed": EXPORTED},
    "subjects.Identifier": {"index": KEY, "sealed": EXPORTED},
    "subjects.PersonalValue": {"sealed": EXPORTED, "source_name": EXPORTED},
    "subjects.Retention": {"fields": CODE, "article": CODE, "citation": CODE},
    "consent.ConsentEvent": {
        "state": CODE, "notice_language": CODE, "notice_digest": CODE, "channel": CODE, "actor": RANDOM,
    },
    "consent.Confirmation": {
        "language": CODE, "method": CODE, "digest": RANDOM, "holder_sealed": PARENT,
    },
    "consent.ConsentProof": {"content_type": CODE, "digest": PROOF, "sealed": SCAN},
    "consent.Standing": {"state": CODE, "notice_language": CODE, "notice_digest": CODE},
    "consent.HandNotice": {"type": CODE},
    "consent.Delivery": {
        "type": CODE, "fields": CODE, "state": CODE, "outcome": CODE, "last_error": CODE, "reference_sealed": KEY,
        "evidence": PROOF, "evidence_sealed": EXPORTED, "data_sealed": EXPORTED,
    },
    "erasure.RightsRequest": {
        "state": CODE, "details_sealed": EXPORTED, "extension_reason": CODE, "reason_code": CODE, "outcome": CODE,
        "notice_to_sealed": LAST_NOTICE, "verification_digest": RANDOM,
    },
    "erasure.Step": {
        "target": CODE, "fields": CODE, "state": CODE, "article": CODE, "last_error": CODE,
        "identities_sealed": FOR_A_STEP,
    },
    "erasure.WithheldRows": {
        "collection": CODE, "reason": CODE, "keys_sealed": LEFT_THERE, "article": CODE,
    },
    "erasure.KeptRow": {"digest": RANDOM},
    "erasure.ConnectorCheck": {"collections": CODE},
    "erasure.ConnectorCommit": {"run": RANDOM},
    "erasure.Archive": {"digest": PROOF, "window_digest": RANDOM},
    "erasure.ArchiveChunk": {"sealed": "the archive itself"},
    "erasure.Receipt": {"jws": SIGNED},
    "erasure.OpenDsrRequest": {
        "body_digest": RANDOM, "callback_urls": APP, "told": CODE,
    },
    "erasure.OpenDsrCall": {"state": CODE, "status": CODE, "last_error": CODE},
    "erasure.OpenDsrCallback": {"url": APP, "status": CODE, "state": CODE, "last_error": CODE},
    "erasure.Transfer": {
        "state": CODE, "upload_url": APP, "digest": PROOF, "last_error": CODE, "acknowledgement": PROOF,
    },
    "erasure.SourceAnswer": {"sealed": ON_ITS_WAY, "told": STAFF},
    "erasure.AnswerPiece": {"sealed": ON_ITS_WAY},
    "erasure.AnswerFile": {"content_type": CODE, "sealed": ON_ITS_WAY},
    "erasure.CheckedText": {"source": CODE, "field": CODE, "sealed": LOOKED_AT},
    "erasure.Message": {"sealed": EXPORTED},
    "erasure.Comment": {"sealed": EXPORTED},
    "erasure.AccessQuestion": {
        "asked_sealed": EXPORTED, "answer_sealed": EXPORTED,
    },
    "erasure.IdentityEvidence": {"content_type": CODE, "sealed": SEEN},
    "erasure.Mandate": {
        "state": CODE, "valid_until": CODE, "words_sealed": ACTS, "content_type": CODE, "document_sealed": MANDATE,
    },
    "erasure.MandateLink": {"digest": RANDOM},
    "erasure.Case": {"filed_as": CODE},
    "erasure.SecondOpinion": {"reason_code": CODE},
    "erasure.RetentionProposal": {"fields": CODE, "reason": CODE},
}  # fmt: skip
"""Fields of models that belong to a Holding."""

ELSEWHERE: dict[str, dict[str, str]] = {
    "audit.AuditEvent": {
        "action": CODE, "actor": RANDOM, "request_id": RANDOM, "purpose": CODE, "fields": CODE, "details": CODE,
    },
    "erasure.MailLink": {"digest": RANDOM},
    "erasure.CopyLink": {"digest": RANDOM, "code_digest": RANDOM},
    "erasure.Unidentified": {"words_sealed": ASKED, "digest": RANDOM},
    "erasure.ManualPlace": {
        "name": STAFF, "description": STAFF, "purposes": CODE, "identifiers": CODE, "respondent_sealed": RESPONDENT,
        "shown_by": STAFF,
    },
    "erasure.Breach": {"facts": STAFF, "effects": STAFF, "remedy": STAFF, "told_people": STAFF, "told_people_de": STAFF,
        "told_people_fr": STAFF, "delay_reason": STAFF, "proposed_digest": RANDOM},
    "audit.AuditLeaf": {"leaf_hash": PROOF},
    "audit.AuditNode": {"hash": PROOF},
    "audit.Checkpoint": {"root": PROOF, "note": PROOF, "vkey": PROOF},
    "audit.Retirement": {"month": CODE, "ranges": PROOF, "digest": PROOF},
    "audit.HeldCopy": {"digest": PROOF, "holder": RANDOM},
    "audit.Cosignature": {"name": PROOF, "line": PROOF},
    "audit.Verification": {"asked_by": RANDOM, "held": PROOF, "report": PROOF},
    "vault.DataKey": {"wrapped": KEY, "commitment": KEY, "former": KEY},
    "vault.KeyCheck": {"kind": CODE, "commitment": RANDOM},
    "vault.Tombstone": {"mark": RANDOM, "kind": CODE},
    "access.Account": {
        "password": RANDOM, "email_index": ADDRESS, "email_sealed": ADDRESS, "language": CODE, "desk_name": DESK,
    },
    "access.AccountSession": {"session_key": RANDOM, "session_data": SESSION},
    "access.TotpDevice": {"name": CODE, "secret_sealed": RANDOM},
    "access.RecoveryDevice": {"name": CODE},
    "access.RecoveryCode": {"digest": RANDOM},
    "access.PasskeyDevice": {
        "name": CODE, "credential_index": KEY, "sealed": KEY, "name_sealed": NAMED,
    },
    "access.FactorReset": {"digest": RANDOM},
    "access.StaffInvitation": {"digest": RANDOM},
    "access.PasskeyChallenge": {"digest": RANDOM, "ceremony": CODE},
    "access.MailCode": {
        "reason": CODE, "email_index": SHORT, "email_sealed": SHORT, "digest": RANDOM, "language": CODE,
    },
    "access.OutgoingMail": {"kind": CODE, "sealed": MAIL},
    "access.Attempt": {"key": RANDOM},
    "access.Application": {"name": APP, "client_id": RANDOM, "secret_digest": RANDOM, "scopes": CODE},
    "access.AccessToken": {"digest": RANDOM, "scopes": CODE},
    "access.WebhookEndpoint": {"url": APP, "secret_sealed": APP, "previous_secret_sealed": APP},
    "access.IdempotencyKey": {
        "method": CODE, "path": CODE, "key": RANDOM, "fingerprint": RANDOM, "content_type": CODE, "body_sealed": SHORT,
    },
    "consent.DecisionChange": {"purpose": CODE},
    "consent.FindingNote": {"text": STAFF},
    "consent.Attestation": {
        "document": APP, "digest": PROOF, "key": PROOF, "kit": CODE, "release": APP, "portal": APP, "checks": CODE,
    },
    "consent.FieldRead": {"day": CODE},
    "erasure.Connector": {"url_sealed": APP, "datasets": APP},
    "erasure.OpenDsrProcessor": {
        "base_url": APP, "domain": APP, "token_sealed": APP, "certificate": APP, "identities": CODE, "kinds": CODE,
    },
    "erasure.Destination": {"name": STAFF, "contact": STAFF, "url": APP, "secret_sealed": APP},
    "consent.Component": {
        "digest": PROOF, "review_note": STAFF, "titles": STAFF, "category": STAFF, "necessity": STAFF,
        "supplied_by": CODE,
    },
    "consent.Revision": {
        "digest": PROOF, "review_note": STAFF, "before": STAFF, "values": STAFF, "reason": STAFF,
    },
    "consent.ReviewComment": {"kind": CODE, "item": CODE, "text": STAFF, "digest": PROOF},
    "consent.Purpose": {
        "digest": PROOF, "review_note": STAFF, "titles": STAFF, "necessity": STAFF, "fields": CODE,
        "retention_law": STAFF, "sources": CODE, "data_subjects": STAFF,
    },
    "consent.Notice": {"digest": PROOF, "review_note": STAFF},
    "consent.NoticeText": {"title": STAFF, "body": STAFF, "digest": PROOF},
    "consent.Recipient": {
        "digest": PROOF, "review_note": STAFF, "name": STAFF, "role": STAFF, "country": STAFF, "safeguard": STAFF,
        "contact": STAFF, "contract_reference": STAFF, "purposes": CODE,
    },
    "consent.DataContract": {"digest": PROOF, "review_note": STAFF, "fields": CODE, "reason": STAFF, "owner": STAFF},
}  # fmt: skip
"""Fields of models that belong to none."""
