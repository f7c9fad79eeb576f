"""Shows that an application of a GDPR Portal does what people were promised, and signs what it saw."""

from gdpr_portal_conformance.attestation import attest, hand_in, load_key, new_key
from gdpr_portal_conformance.checks import CHECKS, run
from gdpr_portal_conformance.patience import Patience
from gdpr_portal_conformance.probe import CommandProbe, HttpProbe, Probe, ProbeFailed
from gdpr_portal_conformance.relay import Relay
from gdpr_portal_conformance.world import SCOPES, World

__version__ = "0.1.0"
__all__ = [
    "CHECKS",
    "SCOPES",
    "CommandProbe",
    "HttpProbe",
    "Patience",
    "Probe",
    "ProbeFailed",
    "Relay",
    "World",
    "attest",
    "hand_in",
    "load_key",
    "new_key",
    "run",
]
