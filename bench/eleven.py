"""The shop of tests/connectors/shop.py with many people in it: eleven tables, some twenty rows a person, indexed."""

from typing import Any

import psycopg

from tests.connectors import shop

TABLES = tuple(shop.ROWS)
INDEXES = (
    "customer (email)", "customer (address_id)", "employee (email)", "employee (address_id)", "employee (manager_id)",
    "payment_card (customer_id)", "payment_card (billing_address_id)", "orders (customer_id)",
    "orders (shipping_address_id)", "orders (payment_card_id)", "order_item (product_id)", "login (customer_id)",
    "visit (email)", "service_request (email)", "service_request (alt_email)", "service_request (employee_id)",
    "report (email)",
)  # fmt: skip
ROWS = """
INSERT INTO address SELECT n, n::text, 'Elm Street', 'Aville', '10001' FROM generate_series(1, 2 * {people}) n;
INSERT INTO customer SELECT n, 'person' || n || '@example.org', 'Person ' || n, now(), n
  FROM generate_series(1, {people}) n;
INSERT INTO employee SELECT n, 'employee' || n || '@example.com', 'Employee', n, NULLIF(n - 1, 0)
  FROM generate_series(1, 50) n;
INSERT INTO product SELECT n, 'Thing ' || n, n FROM generate_series(1, 100) n;
INSERT INTO payment_card SELECT 'card-' || n, '4111111111111111', 111, 'Person ' || n, n, n
  FROM generate_series(51, {people}) n;
INSERT INTO orders SELECT 'ord-' || n || '-' || k, n, CASE k WHEN 3 THEN {people} + n ELSE n END,
  'card-' || n, 'ring twice'
  FROM generate_series(51, {people}) n, generate_series(1, 3) k;
INSERT INTO order_item SELECT 'ord-' || n || '-' || k, i, 1 + (n + k + i) % 100, 'For ' || n, 1
  FROM generate_series(51, {people}) n, generate_series(1, 3) k, generate_series(1, 2) i;
INSERT INTO login SELECT 3 * n + k, n, now(), '192.0.2.1' FROM generate_series(1, {people}) n, generate_series(0, 2) k;
INSERT INTO visit SELECT 'person' || n || '@example.org', now() - k * interval '1 day'
  FROM generate_series(1, {people}) n, generate_series(1, 2) k;
INSERT INTO service_request SELECT 'ser-' || n, 'person' || n || '@example.org', NULL, 'asks', now(), 1 + n % 50
  FROM generate_series(1, {people}) n;
INSERT INTO report SELECT n, 'person' || n || '@example.org', 'Month', 2026 FROM generate_series(1, {people} / 10) n;
"""


def fill(connection: psycopg.Connection[Any], people: int) -> None:
    """The tables stand, filled and analysed."""
    for statement in filter(str.strip, [*shop.TABLES.split(";"), *ROWS.format(people=people).split(";")]):
        connection.execute(statement)  # type: ignore[arg-type]
    for at, index in enumerate(INDEXES):
        connection.execute(f"CREATE INDEX i{at} ON {index}")  # type: ignore[arg-type]
    connection.commit()
    connection.autocommit = True
    connection.execute("VACUUM ANALYZE")
