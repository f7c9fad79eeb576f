"""Who may do what at every address: the declaration that the tests hold the service to.

Ids in routes are written without their converter. A route that is not here fails the test, and so does one that is here
and nowhere else.
"""

from typing import Final, NamedTuple

ANONYMOUS: Final = "anonymous"
PASSWORD: Final = "password only"
SUBJECT: Final = "data subject"
IRM: Final = "irm"
QA: Final = "qa"
OPERATOR: Final = "operator"
ROLES: Final = (ANONYMOUS, PASSWORD, SUBJECT, IRM, QA, OPERATOR)

EVERYBODY: Final = frozenset(ROLES)
PROVEN: Final = frozenset({SUBJECT, IRM, QA, OPERATOR})
STAFF: Final = frozenset({IRM, QA, OPERATOR})
NOBODY: Final = frozenset[str]()

API: Final[dict[str, dict[str, str]]] = {
    "api/v1/audit/events": {"GET": "audit:read"},
    "api/v1/audit/events/<event>/proof": {"GET": "audit:read"},
    "api/v1/audit/checkpoint": {"GET": "audit:read"},
    "api/v1/audit/consistency": {"GET": "audit:read"},
    "api/v1/audit/entries": {"GET": "audit:read"},
    "api/v1/subjects": {"POST": "subjects:write"},
    "api/v1/subjects/lookup": {"POST": "subjects:read"},
    "api/v1/subjects/<subject_id>": {"GET": "subjects:read"},
    "api/v1/purposes": {"GET": "catalogue:read"},
    "api/v1/purposes/<slug>/notice": {"GET": "catalogue:read"},
    "api/v1/recipients": {"GET": "catalogue:read"},
    "api/v1/decisions": {"POST": "decisions:read"},
    "api/v1/decisions/batch": {"POST": "decisions:read"},
    "api/v1/decisions/snapshot": {"GET": "decisions:read"},
    "api/v1/decisions/changes": {"GET": "decisions:read"},
    "api/v1/subjects/<subject>/data": {"GET": "data:read", "PUT": "data:write"},
    "api/v1/subjects/<subject>/consents": {"GET": "consent:read", "POST": "consent:write"},
    "api/v1/subjects/<subject>/consents/authorisation": {"POST": "consent:write"},
    "api/v1/consents/<event>/receipt": {"GET": "consent:read"},
    "api/v1/subjects/<subject>/sharing": {"GET": "sharing:read"},
    "api/v1/subjects/<subject>/sharing/<recipient>": {"PUT": "sharing:write"},
    "api/v1/subjects/<subject>/sharing/<recipient>/ask": {"GET": "sharing:write", "POST": "sharing:write"},
    "api/v1/deliveries/<delivery>": {"GET": "deliveries:acknowledge"},
    "api/v1/deliveries/<delivery>/acknowledge": {"POST": "deliveries:acknowledge"},
    "api/v1/attestations": {"POST": "attestations:write"},
    "api/v1/records-of-processing": {"GET": "audit:read"},
    "api/v1/requests": {"GET": "requests:read", "POST": "requests:write"},
    "api/v1/requests/<request_id>": {"GET": "requests:read"},
    "api/v1/requests/<request_id>/withdraw": {"POST": "requests:write"},
    "api/v1/requests/<request_id>/archive": {"GET": "requests:read"},
    "api/opendsr/v2/opendsr_requests": {"POST": "opendsr:requests"},
    "api/opendsr/v2/opendsr_requests/<subject_request_id>": {"GET": "opendsr:requests", "DELETE": "opendsr:requests"},
    "api/opendsr/v2/opendsr_requests/<subject_request_id>/results": {"GET": "opendsr:requests"},
}
"""Route -> method -> the one scope that opens it; without the scope 403, without a token 401, other methods 405."""


class Page(NamedTuple):
    """Who is let in, whatever the page then says to them. Everybody else is led to a sign-in, or gets 403 or 404."""

    who: frozenset[str]


PUBLIC, SIGNED_IN, DESK, CLOSED = Page(EVERYBODY), Page(PROVEN), Page(STAFF), Page(NOBODY)
HALF_WAY = Page(EVERYBODY - {ANONYMOUS})
ACCOUNTS = Page(frozenset({OPERATOR}))
REVIEW, CHECK = Page(frozenset({IRM})), Page(frozenset({IRM, QA}))
FRONT = Page(EVERYBODY - {PASSWORD})

PAGES: Final[dict[str, Page]] = {
    "": FRONT,
    "livez": PUBLIC, "readyz": PUBLIC,
    ".well-known/security.txt": PUBLIC, ".well-known/gpc.json": PUBLIC, ".well-known/jwks.json": PUBLIC,
    ".well-known/audit-vkey": PUBLIC,
    "oauth/token": PUBLIC, "oauth/revoke": PUBLIC,
    "api/docs": PUBLIC, "api/docs/problems": PUBLIC, "api/v1/schema": PUBLIC,
    "api/opendsr/v2/discovery": PUBLIC, "api/opendsr/v2/certificate.pem": PUBLIC,
    "api/opendsr/v2/callbacks/<step_id>": PUBLIC,
    # --- accounts
    "login": PUBLIC, "login/factor": HALF_WAY, "login/recovery": HALF_WAY,
    "login/passkey": PUBLIC, "login/passkey/options": PUBLIC,
    "login/factor/passkey": HALF_WAY, "login/factor/passkey/options": HALF_WAY,
    "signup/passkey": HALF_WAY, "signup/passkey/options": HALF_WAY, "confirm/passkey/options": SIGNED_IN,
    "security/passkeys/<device_id>/remove": SIGNED_IN, "security/passkeys/<device_id>/name": SIGNED_IN,
    "stay": SIGNED_IN, "logout": PUBLIC, "language": PUBLIC,
    "signup": PUBLIC, "signup/code": PUBLIC, "signup/password": PUBLIC, "signup/totp": HALF_WAY,
    "signup/recovery": SIGNED_IN,
    "lost-factor": PUBLIC, "lost-factor/sent": PUBLIC, "lost-factor/<reset_id>/<token>": PUBLIC,
    "security/lost-factor/cancel": SIGNED_IN, "staff-invitation/<invitation_id>/<token>": PUBLIC,
    "password-reset": PUBLIC, "password-reset/code": PUBLIC, "password-reset/password": PUBLIC,
    "confirm": SIGNED_IN, "security": SIGNED_IN, "security/password": SIGNED_IN, "security/recovery-codes": SIGNED_IN,
    "security/authenticators/<device_id>/remove": SIGNED_IN, "security/sign-out-everywhere": SIGNED_IN,
    "security/browsers/<sign_in>/sign-out": SIGNED_IN,
    # --- the portal
    "activity/<event>/proof": SIGNED_IN, "activity/<event>/question": SIGNED_IN,
    "data": SIGNED_IN, "activity": SIGNED_IN, "consent": SIGNED_IN, "sharing": SIGNED_IN,
    "consent/receipts/<event>": SIGNED_IN, "consent/receipts/<event>/signed": SIGNED_IN,
    "consent/all": SIGNED_IN, "consent/authorisation": SIGNED_IN,
    "confirmation/<confirmation>/<token>": PUBLIC, "privacy": PUBLIC,
    "sharing/asks/<ask>": SIGNED_IN,
    "requests": SIGNED_IN, "requests/new/<right>": SIGNED_IN, "requests/<request_id>": SIGNED_IN,
    "requests/<request_id>/withdraw": SIGNED_IN, "requests/<request_id>/archive": SIGNED_IN,
    "requests/<request_id>/archive/revoke": SIGNED_IN,
    "requests/<request_id>/transfer": SIGNED_IN, "requests/<request_id>/transfer/stop": SIGNED_IN,
    "requests/<request_id>/receipt": SIGNED_IN, "requests/<request_id>/message": SIGNED_IN,
    "request": PUBLIC, "request/verify": PUBLIC, "request/answer/<link>/<token>": PUBLIC,
    "request/for-somebody": PUBLIC, "request/objection/<link>/<token>": PUBLIC,
    "request/collect/<link>/<token>": PUBLIC, "requests/<request_id>/object": SIGNED_IN,
    "requests/together": SIGNED_IN, "requests/cases/<case_id>": SIGNED_IN,
    "requests/<request_id>/without-copy": SIGNED_IN,
    "request/copy/<link>/<token>": PUBLIC, "request/more/<link>/<token>": PUBLIC,
    "request/place/<link>/<token>": PUBLIC, "request/place/<link>": PUBLIC,
    # --- the desk
    "admin/": DESK, "admin/login/": CLOSED, "admin/logout/": CLOSED, "admin/password_change/": CLOSED,
    "admin/password_change/done/": DESK, "admin/autocomplete/": CLOSED, "admin/jsi18n/": DESK,
    "admin/r/<content_type_id>/<object_id>/": CLOSED,
    "admin/<app_label>/": DESK, "admin/<url>": CLOSED,
    "admin/access/account/": ACCOUNTS, "admin/access/account/add/": CLOSED,
    "admin/access/account/<object_id>/history/": ACCOUNTS, "admin/access/account/<object_id>/delete/": CLOSED,
    "admin/access/account/<object_id>/change/": ACCOUNTS, "admin/access/account/<object_id>/": ACCOUNTS,
    "admin/subjects/subject/": ACCOUNTS,
    **{
        f"admin/subjects/subject/{rest}": CLOSED
        for rest in ("add/", "<object_id>/history/", "<object_id>/delete/", "<object_id>/change/", "<object_id>/")
    },
    "admin/erasure/rightsrequest/": DESK, "admin/erasure/rightsrequest/add/": CLOSED,
    "admin/erasure/rightsrequest/<request_id>/change/": DESK, "admin/erasure/rightsrequest/<request_id>/act/": DESK,
    "admin/erasure/rightsrequest/<object_id>/history/": DESK, "admin/erasure/rightsrequest/<object_id>/delete/": CLOSED,
    "admin/erasure/rightsrequest/<object_id>/change/": DESK, "admin/erasure/rightsrequest/<object_id>/": DESK,
    "admin/erasure/rightsrequest/<request_id>/evidence/": REVIEW,
    "admin/erasure/rightsrequest/<request_id>/withheld/": DESK,
    "admin/erasure/rightsrequest/<request_id>/identity/": DESK,
    "admin/erasure/rightsrequest/<request_id>/mandate/": DESK,
    "admin/erasure/rightsrequest/<request_id>/wish/": DESK,
    "admin/erasure/rightsrequest/<request_id>/hand-over/": DESK,
    "admin/erasure/rightsrequest/record/": REVIEW,
    "admin/erasure/retentionproposal/": REVIEW, "admin/erasure/retentionproposal/add/": CLOSED,
    "admin/erasure/retentionproposal/<object_id>/history/": REVIEW,
    "admin/erasure/retentionproposal/<object_id>/delete/": CLOSED,
    "admin/erasure/retentionproposal/<object_id>/change/": REVIEW,
    "admin/erasure/retentionproposal/<object_id>/": REVIEW,
    "admin/erasure/breach/": REVIEW, "admin/erasure/breach/add/": REVIEW,
    "admin/erasure/breach/<object_id>/history/": REVIEW, "admin/erasure/breach/<object_id>/delete/": CLOSED,
    "admin/erasure/breach/<object_id>/change/": REVIEW, "admin/erasure/breach/<object_id>/": REVIEW,
    "admin/erasure/evidencepack/": REVIEW, "admin/erasure/evidencepack/add/": REVIEW,
    "admin/erasure/evidencepack/<pack_id>/change/": REVIEW, "admin/erasure/evidencepack/<object_id>/history/": REVIEW,
    "admin/erasure/evidencepack/<object_id>/delete/": CLOSED, "admin/erasure/evidencepack/<object_id>/change/": REVIEW,
    "admin/erasure/evidencepack/<object_id>/": REVIEW,
    "admin/erasure/destination/": REVIEW, "admin/erasure/destination/add/": REVIEW,
    "admin/erasure/destination/<object_id>/history/": REVIEW, "admin/erasure/destination/<object_id>/delete/": CLOSED,
    "admin/erasure/destination/<object_id>/change/": REVIEW, "admin/erasure/destination/<object_id>/": REVIEW,
    "admin/erasure/manualplace/": REVIEW, "admin/erasure/manualplace/add/": REVIEW,
    "admin/erasure/manualplace/<object_id>/history/": REVIEW, "admin/erasure/manualplace/<object_id>/delete/": CLOSED,
    "admin/erasure/manualplace/<object_id>/change/": REVIEW, "admin/erasure/manualplace/<object_id>/": REVIEW,
    "admin/erasure/placetask/": DESK, "admin/erasure/placetask/add/": CLOSED,
    "admin/erasure/placetask/<task_id>/change/": DESK, "admin/erasure/placetask/<object_id>/history/": DESK,
    "admin/erasure/placetask/<object_id>/delete/": CLOSED,
    "admin/erasure/placetask/<object_id>/change/": DESK, "admin/erasure/placetask/<object_id>/": DESK,
    "admin/erasure/checkedtext/": REVIEW, "admin/erasure/checkedtext/add/": CLOSED,
    "admin/erasure/checkedtext/<checked_id>/change/": REVIEW,
    "admin/erasure/checkedtext/<object_id>/history/": REVIEW, "admin/erasure/checkedtext/<object_id>/delete/": CLOSED,
    "admin/erasure/checkedtext/<object_id>/change/": REVIEW, "admin/erasure/checkedtext/<object_id>/": REVIEW,
    "admin/erasure/accessquestion/": REVIEW, "admin/erasure/accessquestion/add/": CLOSED,
    "admin/erasure/accessquestion/<question_id>/change/": REVIEW,
    "admin/erasure/accessquestion/<object_id>/history/": REVIEW,
    "admin/erasure/accessquestion/<object_id>/delete/": CLOSED,
    "admin/erasure/accessquestion/<object_id>/change/": REVIEW, "admin/erasure/accessquestion/<object_id>/": REVIEW,
    "admin/proofs/": REVIEW, "admin/proofs/<event>/": REVIEW, "admin/proofs/scan/<proof>/": REVIEW,
    "admin/qa/matrix/": CHECK, "admin/qa/usage/": CHECK, "admin/qa/usage/<contract>/narrow/": CHECK,
    "admin/qa/simulator/": CHECK, "admin/qa/time-machine/": CHECK, "admin/qa/samples/": CHECK,
    "admin/qa/samples/<sample>/": CHECK, "admin/qa/conformance/": CHECK,
    "admin/qa/conformance/<application>/": CHECK, "admin/qa/conformance/attestations/<attestation>/": CHECK,
    "admin/qa/entries/<entry>/": CHECK, "admin/qa/findings/": CHECK, "admin/qa/findings/<finding>/": CHECK,
    "admin/sharing/deliveries/": DESK, "admin/sharing/deliveries/<delivery>/again/": DESK,
    "admin/sharing/by-hand/": DESK, "admin/sharing/by-hand/<notice>/": DESK,
    "admin/sharing/latency/": DESK,
    "admin/lost-factors/": Page(frozenset({IRM, OPERATOR})),
    "admin/lost-factors/<account_id>/agree/": Page(frozenset({IRM, OPERATOR})),
    "admin/audit/": CHECK, "admin/audit/checkpoint/": CHECK, "admin/audit/checkpoint/mail/": CHECK,
    "admin/audit/checkpoint/push/": CHECK, "admin/audit/verify/": CHECK, "admin/audit/verify/held/": CHECK,
    "admin/audit/compare/": CHECK, "admin/audit/verifications/<run_id>/": CHECK,
    "admin/consent/purpose/desk/": DESK, "admin/consent/purpose/absence/": DESK, "admin/consent/purpose/record/": DESK,
    **{
        f"admin/consent/revision/{rest}": page
        for rest, page in {
            "": DESK, "add/": CLOSED, "<object_id>/review/": DESK, "<object_id>/history/": DESK,
            "<object_id>/delete/": CLOSED, "<object_id>/change/": DESK, "<object_id>/": DESK,
        }.items()
    },
    **{
        f"admin/auth/group/{rest}": CLOSED
        for rest in ("", "add/", "<object_id>/history/", "<object_id>/delete/", "<object_id>/change/", "<object_id>/")
    },
    **{
        f"admin/consent/{kind}/{rest}": page
        for kind in ("component", "purpose", "notice", "recipient", "datacontract")
        for rest, page in {
            "": DESK, "add/": DESK, "<object_id>/review/": DESK,
            "<object_id>/history/": DESK, "<object_id>/delete/": CLOSED, "<object_id>/change/": DESK,
            "<object_id>/": DESK,
        }.items()
    },
}  # fmt: skip
"""Route -> who is let in."""
