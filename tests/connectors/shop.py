"""A shop in eleven tables, as other people have one: the dataset, the tables, and some people who share things."""

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from erasure.connectors.sql import normalised

TABLES = """
CREATE TABLE address (id INTEGER PRIMARY KEY, house VARCHAR(20), street VARCHAR(60), city VARCHAR(60), zip VARCHAR(10));
CREATE TABLE customer (id INTEGER PRIMARY KEY, email VARCHAR(120), name VARCHAR(40), created TIMESTAMP,
  address_id INTEGER REFERENCES address (id));
CREATE TABLE employee (id INTEGER PRIMARY KEY, email VARCHAR(120), name VARCHAR(40),
  address_id INTEGER REFERENCES address (id), manager_id INTEGER REFERENCES employee (id));
CREATE TABLE product (id INTEGER PRIMARY KEY, name VARCHAR(60), price NUMERIC(10, 2));
CREATE TABLE payment_card (id VARCHAR(20) PRIMARY KEY, ccn VARCHAR(20), code INTEGER, name VARCHAR(60),
  customer_id INTEGER REFERENCES customer (id), billing_address_id INTEGER REFERENCES address (id));
CREATE TABLE orders (id VARCHAR(20) PRIMARY KEY, customer_id INTEGER REFERENCES customer (id),
  shipping_address_id INTEGER REFERENCES address (id), payment_card_id VARCHAR(20) REFERENCES payment_card (id),
  note VARCHAR(60));
CREATE TABLE order_item (order_id VARCHAR(20) NOT NULL REFERENCES orders (id), item_no INTEGER NOT NULL,
  product_id INTEGER REFERENCES product (id), engraving VARCHAR(60), quantity INTEGER, PRIMARY KEY (order_id, item_no));
CREATE TABLE login (id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL REFERENCES customer (id), time TIMESTAMP,
  ip VARCHAR(40) NOT NULL);
CREATE TABLE visit (email VARCHAR(120), last_visit TIMESTAMP);
CREATE TABLE service_request (id VARCHAR(20) PRIMARY KEY, email VARCHAR(120), alt_email VARCHAR(120), text VARCHAR(200),
  opened TIMESTAMP, employee_id INTEGER REFERENCES employee (id));
CREATE TABLE report (id INTEGER PRIMARY KEY, email VARCHAR(120), name VARCHAR(60), year INTEGER);
"""

MOMENT = "2026-01-02 03:04:05"
ROWS: dict[str, list[tuple[Any, ...]]] = {
    "address": [
        (1, "1", "Elm Street", "Aville", "10001"),
        (2, "2", "Oak Street", "Bville", "10002"),
        (3, "3", "Fir Street", "Cville", "10003"),
        (4, "4", "Ash Street", "Dville", "10004"),
        (5, "5", "Low Street", "Eville", "10005"),
    ],
    "customer": [
        (1, "alice@example.org", "Alice Archer", MOMENT, 1),
        (2, "bob@example.org", "Bob Baker", MOMENT, 2),
        (3, "carol@example.org", "Carol Cook", MOMENT, 2),
        (4, "dave@example.org", "Dave Dyer", MOMENT, None),
    ],
    "employee": [
        (1, "erin@example.org", "Erin Elder", 5, None),
        (2, "frank@example.org", "Frank Ford", 4, 1),
    ],
    "product": [(1, "Lamp", "10.50"), (2, "Chair", "99.00")],
    "payment_card": [
        ("card-a", "4111111111111111", 111, "Alice Archer", 1, 1),
        ("card-s", "4222222222222222", 222, "Alice Archer", 1, 2),
        ("card-b", "4333333333333333", 333, "Bob Baker", 2, 2),
    ],
    "orders": [
        ("ord-1", 1, 1, "card-a", "ring twice, Alice"),
        ("ord-2", 1, 3, "card-s", None),
        ("ord-3", 2, 2, "card-s", "Bob pays with Alice's card"),
        ("ord-4", 3, 2, None, "Carol's note"),
    ],
    "order_item": [
        ("ord-1", 1, 1, "To Alice", 1),
        ("ord-1", 2, 2, None, 4),
        ("ord-2", 1, 1, "For mother", 2),
        ("ord-3", 1, 1, "To Bob", 1),
    ],
    "login": [(1, 1, MOMENT, "192.0.2.1"), (2, 1, MOMENT, "192.0.2.2"), (3, 2, MOMENT, "192.0.2.3")],
    "visit": [("alice@example.org", MOMENT), ("alice@example.org", MOMENT), ("bob@example.org", MOMENT)],
    "service_request": [
        ("ser-1", "alice@example.org", None, "Alice asks", MOMENT, 1),
        ("ser-2", "bob@example.org", "alice@example.org", "Bob asks for Alice", MOMENT, 1),
        ("ser-3", "carol@example.org", None, "Carol asks", MOMENT, 2),
    ],
    "report": [(1, "erin@example.org", "Month", 2026), (2, "alice@example.org", "Month", 2026)],
}

DATASET = """
dataset:
  - fides_key: shop
    name: Shop
    description: A shop
    collections:
      - name: address
        fields:
          - {name: id, data_categories: [system.operations], fides_meta: {primary_key: True}}
          - {name: house, data_categories: [user.contact.address.street]}
          - {name: street, data_categories: [user.contact.address.street]}
          - {name: city, data_categories: [user.contact.address.city]}
          - {name: zip, data_categories: [user.contact.address.postal_code]}
      - name: customer
        fields:
          - {name: id, data_categories: [user.unique_id], fides_meta: {primary_key: True}}
          - {name: email, data_categories: [user.contact.email], fides_meta: {identity: email, data_type: string}}
          - {name: name, data_categories: [user.name], fides_meta: {data_type: string, length: 40}}
          - {name: created, data_categories: [system.operations]}
          - name: address_id
            data_categories: [system.operations]
            fidesops_meta: {references: [{dataset: shop, field: address.id, direction: to}]}
      - name: employee
        fields:
          - {name: id, data_categories: [user.unique_id], fides_meta: {primary_key: True}}
          - {name: email, data_categories: [user.contact.email], fides_meta: {identity: email, data_type: string}}
          - {name: name, data_categories: [user.name]}
          - name: address_id
            data_categories: [system.operations]
            fides_meta: {references: [{dataset: shop, field: address.id, direction: to}]}
          - name: manager_id
            data_categories: [system.operations]
            fides_meta: {references: [{dataset: shop, field: employee.id}]}
      - name: login
        fields:
          - {name: id, data_categories: [system.operations], fides_meta: {primary_key: True}}
          - name: customer_id
            data_categories: [user.unique_id]
            fides_meta: {references: [{dataset: shop, field: customer.id, direction: from}]}
          - {name: time, data_categories: [user.sensor]}
          - {name: ip, data_categories: [user.device.ip_address]}
      - name: orders
        fields:
          - {name: id, data_categories: [system.operations], fides_meta: {primary_key: True}}
          - name: customer_id
            data_categories: [user.unique_id]
            fides_meta: {references: [{dataset: shop, field: customer.id, direction: from}]}
          - name: shipping_address_id
            data_categories: [system.operations]
            fides_meta: {references: [{dataset: shop, field: address.id, direction: to}]}
          - name: payment_card_id
            data_categories: [system.operations]
            fides_meta: {references: [{dataset: shop, field: payment_card.id, direction: to}]}
          - {name: note, data_categories: [user.content]}
      - name: order_item
        fields:
          - name: order_id
            data_categories: [system.operations]
            fides_meta: {primary_key: True, references: [{dataset: shop, field: orders.id, direction: from}]}
          - {name: item_no, data_categories: [system.operations], fides_meta: {primary_key: True}}
          - name: product_id
            data_categories: [system.operations]
            fides_meta: {references: [{dataset: shop, field: product.id, direction: to}]}
          - {name: engraving, data_categories: [user.content]}
          - {name: quantity, data_categories: [system.operations]}
      - name: payment_card
        fields:
          - {name: id, data_categories: [system.operations], fides_meta: {primary_key: True}}
          - {name: ccn, data_categories: [user.financial.account_number]}
          - {name: code, data_categories: [user.financial]}
          - {name: name, data_categories: [user.financial]}
          - name: customer_id
            data_categories: [user.unique_id]
            fides_meta: {references: [{dataset: shop, field: customer.id, direction: from}]}
          - name: billing_address_id
            data_categories: [system.operations]
            fides_meta: {references: [{dataset: shop, field: address.id, direction: to}]}
      - name: product
        fields:
          - {name: id, data_categories: [system.operations], fides_meta: {primary_key: True}}
          - {name: name, data_categories: [system.operations]}
          - {name: price, data_categories: [system.operations]}
      - name: report
        fields:
          - {name: id, data_categories: [system.operations], fides_meta: {primary_key: True}}
          - {name: email, data_categories: [user.contact.email], fides_meta: {identity: email}}
          - {name: name, data_categories: [system.operations]}
          - {name: year, data_categories: [system.operations]}
      - name: service_request
        fields:
          - {name: id, data_categories: [system.operations], fides_meta: {primary_key: True}}
          - {name: email, data_categories: [user.contact.email], fides_meta: {identity: email}}
          - {name: alt_email, data_categories: [user.contact.email], fides_meta: {identity: email}}
          - {name: text, data_categories: [user.content]}
          - {name: opened, data_categories: [system.operations]}
          - name: employee_id
            data_categories: [user.unique_id]
            fides_meta: {references: [{dataset: shop, field: employee.id, direction: from}]}
      - name: visit
        fields:
          - {name: email, data_categories: [user.contact.email], fides_meta: {identity: email}}
          - {name: last_visit, data_categories: [system.operations]}
"""

VALUES = sorted(
    {str(cell) for rows in ROWS.values() for row in rows for cell in row if isinstance(cell, str) and len(cell) > 6}
)
"""Every telling value in the shop: none of them may stand in an error or a log."""


def build(url: sa.URL, tables: str = TABLES, rows: dict[str, list[tuple[Any, ...]]] = ROWS) -> sa.Engine:
    """The shop stands in an empty database."""
    engine = sa.create_engine(normalised(url.render_as_string(hide_password=False)))
    with engine.begin() as connection:
        for statement in filter(str.strip, tables.split(";")):
            connection.exec_driver_sql(statement)
        metadata = sa.MetaData()
        metadata.reflect(connection)
        for name, members in rows.items():
            columns = [column.name for column in metadata.tables[name].columns]
            insert(connection, metadata.tables[name], columns, members)
    return engine


def insert(connection: sa.Connection, table: sa.Table, columns: list[str], rows: Iterable[tuple[Any, ...]]) -> None:
    """The rows stand in the table; texts of moments and prices as the database reads them."""
    names, marks = ", ".join(columns), ", ".join(f":{name}" for name in columns)
    for row in rows:
        statement = sa.text(f"INSERT INTO {table.name} ({names}) VALUES ({marks})")
        connection.execute(statement, dict(zip(columns, row, strict=True)))


def contents(engine: sa.Engine) -> dict[str, list[tuple[Any, ...]]]:
    """Everything in the database, to see what changed."""
    with engine.connect() as connection:
        names = sorted(sa.inspect(connection).get_table_names())
        return {
            name: sorted((tuple(row) for row in connection.execute(sa.text(f"SELECT * FROM {name}"))), key=str)
            for name in names
        }
