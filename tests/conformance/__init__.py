"""The conformance kit, and what the service makes of its attestations."""
