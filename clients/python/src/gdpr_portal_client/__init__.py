"""Client of the GDPR Portal API: `Portal` and `AsyncPortal`, local decisions, and `verify` for signed notices."""

from gdpr_portal_client._async.client import AsyncPortal
from gdpr_portal_client._async.local import AsyncLocalDecisions
from gdpr_portal_client._retries import NO_RETRIES, Retries
from gdpr_portal_client._sync.client import Portal
from gdpr_portal_client._sync.local import LocalDecisions
from gdpr_portal_client.errors import (
    AuthenticationFailed,
    Conflict,
    Erased,
    Flaw,
    NotFound,
    NotVerified,
    PortalError,
    Problem,
    Refused,
    Throttled,
    Unreachable,
)
from gdpr_portal_client.models import Decision, Notice, NoticeRef, Purpose, RightsRequest
from gdpr_portal_client.webhooks import Notification, verify

__version__ = "0.1.0"
__all__ = [
    "NO_RETRIES",
    "AsyncLocalDecisions",
    "AsyncPortal",
    "AuthenticationFailed",
    "Conflict",
    "Decision",
    "Erased",
    "Flaw",
    "LocalDecisions",
    "NotFound",
    "NotVerified",
    "Notice",
    "NoticeRef",
    "Notification",
    "Portal",
    "PortalError",
    "Problem",
    "Purpose",
    "Refused",
    "Retries",
    "RightsRequest",
    "Throttled",
    "Unreachable",
    "verify",
]
