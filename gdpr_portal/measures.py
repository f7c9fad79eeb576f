"""What the rows say about the service's health, as gauges: one SQL statement a measure, asked at every scrape.

Ages, not lengths: a long queue that moves is well, a short one that stands is not. The metrics process asks, not the
worker, so that a dead worker shows. It reads in a transaction that can write nothing, and knows no value of a person:
only counts, ages, and names that operators gave (queues, rights, applications).
"""
# ruff: noqa: S608  every statement is put together of constants of this module

from collections.abc import Iterator
from dataclasses import dataclass, field

import psycopg
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

TIMEOUT_SECONDS = 2
OPEN = "('received', 'verifying', 'in_review', 'in_progress')"
"""As `erasure.states.OPEN_REQUEST`; a test holds the two together."""
UNCONFIRMED = """
FROM access_application a LEFT JOIN consent_delivery d ON d.application_id = a.id AND d.closed_at IS NULL
     AND d.outcome = '' AND d.state IN ('queued', 'sending', 'sent', 'abandoned')
GROUP BY 1
"""

# A step can be taken once all before it are settled; it has been due since the last of them was.
STEPS = """
SELECT greatest(coalesce(s.next_at, r.starts_at, r.received_at),
                (SELECT max(b.settled_at) FROM erasure_step b WHERE b.request_id = r.id))
FROM erasure_step s JOIN erasure_rightsrequest r ON r.id = s.request_id
WHERE s.state IN ('queued', 'in_progress') AND r.state = 'in_progress'
  AND (s.lease_until IS NULL OR s.lease_until < now())
  AND NOT EXISTS (SELECT 1 FROM erasure_step b WHERE b.request_id = r.id AND b.position < s.position
                  AND b.state IN ('queued', 'in_progress', 'failed'))
  AND NOT (r.right = 'erasure' AND EXISTS
           (SELECT 1 FROM erasure_legalhold h WHERE h.subject_id = r.subject_id AND h.lifted_at IS NULL))
"""
DELIVERIES = """
SELECT d.next_at FROM consent_delivery d
JOIN access_application a ON a.id = d.application_id AND a.enabled
JOIN access_webhookendpoint e ON e.application_id = a.id AND e.disabled_at IS NULL
WHERE d.state IN ('queued', 'sending') AND (d.lease_until IS NULL OR d.lease_until < now())
"""
QUEUES = {
    "steps": STEPS,
    "deliveries": DELIVERIES,
    "mail": "SELECT due_at FROM access_outgoingmail WHERE given_up_at IS NULL",
    "ledger": "SELECT since FROM vault_unwrittenline",
}
"""Queue -> the moments since when each of its rows could have been worked on."""


def ages(of: dict[str, str], what: str) -> str:
    """One statement that asks `what` (of `at`, a moment) for every queue."""
    parts = [
        f"SELECT '{name}', coalesce({what}, 0)::float FROM ({rows}) AS due(at) WHERE at <= now()"
        for name, rows in of.items()
    ]
    return " UNION ALL ".join(parts)


@dataclass(frozen=True)
class Measure:
    """One gauge: its rows are the values of its labels, then its value."""

    name: str
    help: str
    sql: str
    labels: tuple[str, ...] = field(default=())


def open_requests(what: str) -> str:
    """One statement that asks `what` about the open rights requests."""
    return f"SELECT coalesce({what}, 0)::float FROM erasure_rightsrequest WHERE state IN {OPEN}"


def seconds_since(moment: str) -> str:
    """The age of `moment` in seconds, as SQL."""
    return f"extract(epoch FROM now() - {moment})"


MEASURES = (
    Measure(
        "portal_queue_oldest_seconds", "Age of the oldest work that is due, by queue.",
        ages(QUEUES, seconds_since("min(at)")), ("queue",),
    ),
    Measure("portal_queue_due", "Work that is due, by queue.", ages(QUEUES, "count(*)"), ("queue",)),
    Measure(
        "portal_outbox_oldest_seconds", "Age of the oldest notice, mail or ledger line that has not gone out.",
        ages(
            {
                "deliveries": "SELECT created_at FROM consent_delivery WHERE state IN ('queued', 'sending')",
                "mail": "SELECT created_at FROM access_outgoingmail WHERE given_up_at IS NULL",
                "ledger": QUEUES["ledger"],
            },
            seconds_since("min(at)"),
        ),
        ("outbox",),
    ),
    Measure(
        "portal_requests_open", "Rights requests that are open, by right.",
        f"SELECT \"right\", count(*) FROM erasure_rightsrequest WHERE state IN {OPEN} GROUP BY 1",
        ("right",),
    ),
    Measure("portal_request_oldest_seconds", "Age of the oldest open rights request.",
            open_requests(seconds_since("min(received_at)"))),
    Measure(
        "portal_request_deadline_used_ratio", "Most time used by an open request: 1 is its due date (Art. 12(3)).",
        open_requests("max(extract(epoch FROM now() - received_at)"
                      " / greatest(extract(epoch FROM due_at - received_at), 1))"),
    ),
    Measure("portal_requests_overdue", "Open rights requests past their due date.",
            open_requests("count(*) FILTER (WHERE due_at < now())")),
    Measure("portal_requests_due_soon", "Open rights requests due within seven days, late ones too.",
            open_requests("count(*) FILTER (WHERE due_at < now() + interval '7 days')")),
    Measure("portal_steps_failed", "Steps of open requests that failed, or whose place has not answered.",
            "SELECT count(*) FROM erasure_step s JOIN erasure_rightsrequest r ON r.id = s.request_id"
            " WHERE (s.state = 'failed' OR s.state IN ('queued', 'in_progress') AND s.unanswered >= 5)"
            f" AND r.state IN {OPEN}"),
    Measure("portal_erasures_paused_seconds", "How long erasures have been paused; 0 when they are not.",
            f"SELECT coalesce({seconds_since('min(since)')}, 0)::float FROM erasure_erasurepause"
            " WHERE lifted_at IS NULL"),
    Measure("portal_breach_untold_seconds", "Age of the oldest breach the authority was not told of (Art. 33).",
            f"SELECT coalesce({seconds_since('min(aware_at)')}, 0)::float FROM erasure_breach"
            " WHERE authority_told_at IS NULL AND closed_at IS NULL AND risk <> 'unlikely'"),
    Measure(
        "portal_deliveries_unconfirmed", "Notices nobody confirmed yet, by application.",
        f"SELECT a.slug, count(d.id) {UNCONFIRMED}", ("application",),
    ),
    Measure(
        "portal_delivery_unconfirmed_oldest_seconds", "Age of the oldest notice nobody confirmed, by application.",
        f"SELECT a.slug, coalesce({seconds_since('min(d.created_at)')}, 0)::float {UNCONFIRMED}", ("application",),
    ),
    Measure("portal_endpoints_off", "Endpoints of applications that were switched off.",
            "SELECT count(*) FROM access_webhookendpoint WHERE disabled_at IS NOT NULL"),
    Measure("portal_mail_given_up", "Mails given up after many tries.",
            "SELECT count(*) FROM access_outgoingmail WHERE given_up_at IS NOT NULL"),
    Measure(
        "portal_audit_unsealed_seconds", "Age of the oldest audit event that is not in the tree.",
        "WITH mark AS (SELECT xid, ordinal FROM audit_leaf ORDER BY seq DESC LIMIT 1)"
        f" SELECT coalesce({seconds_since('min(e.at)')}, 0)::float FROM audit_event e"
        " WHERE (e.xid, e.ordinal) >"
        " (coalesce((SELECT xid FROM mark), '0'::xid8), coalesce((SELECT ordinal FROM mark), 0))",
    ),
    Measure("portal_audit_entries", "Entries that the latest checkpoint commits to.",
            "SELECT coalesce(max(size), 0) FROM audit_checkpoint"),
    Measure("portal_audit_verification_failed", "1 when the last verification of the whole log found damage or broke.",
            "SELECT coalesce((SELECT (state = 'failed' OR coalesce(damages, 0) > 0)::int FROM audit_verification"
            " WHERE state IN ('done', 'failed') ORDER BY finished_at DESC LIMIT 1), 0)"),
    Measure("portal_database_oldest_transaction_seconds", "Age of the oldest transaction here that this role may see.",
            "SELECT coalesce(max(extract(epoch FROM clock_timestamp() - xact_start)), 0)::float FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"),
)  # fmt: skip


class RowsCollector(Collector):
    """Every measure, and `portal_database_up`; while the database is down, that alone."""

    def __init__(self, address: str) -> None:
        self.address = address

    def collect(self) -> Iterator[GaugeMetricFamily]:
        up = GaugeMetricFamily("portal_database_up", "1 when the database answered this scrape.")
        try:
            found = list(self._measured())
        except psycopg.Error:
            found = []
        up.add_metric([], 1.0 if found else 0.0)
        yield from found
        yield up

    def _measured(self) -> Iterator[GaugeMetricFamily]:
        limits = f"-c statement_timeout={TIMEOUT_SECONDS * 1000} -c default_transaction_read_only=on"
        with psycopg.connect(self.address, connect_timeout=TIMEOUT_SECONDS, options=limits) as connection:
            for measure in MEASURES:
                family = GaugeMetricFamily(measure.name, measure.help, labels=measure.labels)
                for *labels, value in connection.execute(measure.sql):
                    family.add_metric(labels, float(value))
                yield family
