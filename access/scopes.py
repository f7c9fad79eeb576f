"""The scopes of the API (api.md, "Scopes")."""

SCOPES: dict[str, str] = {
    "subjects:read": "See whether a person is known and by which kinds of identifier.",
    "subjects:write": "Register people and add identifiers.",
    "data:read": "Read the personal fields of approved data contracts.",
    "data:write": "Store the personal fields of approved data contracts.",
    "consent:read": "Read consent and its receipts.",
    "consent:write": "Record consent given, refused and withdrawn.",
    "decisions:read": "Ask whether something is allowed.",
    "sharing:read": "Read the sharing switches.",
    "sharing:write": "Set the sharing switches on the person's own act.",
    "requests:read": "Follow rights requests and collect their results.",
    "requests:write": "File and withdraw rights requests.",
    "opendsr:requests": "File, follow and cancel OpenDSR requests, as a controller whose processor this service is.",
    "deliveries:acknowledge": "See and acknowledge notices received.",
    "attestations:write": "Hand in what the conformance kit found of the application itself.",
    "catalogue:read": "Read purposes, notices and recipients.",
    "audit:read": "Read the audit log with its proofs.",
}
