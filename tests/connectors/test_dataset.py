"""Files written for Fides load as they are; what cannot be meant is refused with its place."""

import pytest
import yaml

from erasure.connectors.dataset import Address, covers, load
from erasure.connectors.masking import Masker, MaskingInvalid, Strategy
from erasure.connectors.members import unknown_members
from gdpr_portal.errors import Invalid
from tests.connectors.shop import DATASET

EXPORTED = """
dataset:
- fides_key: warehouse
  organization_fides_key: default_organization
  tags: null
  name: Warehouse
  meta: null
  data_categories: null
  fides_meta: {resource_id: x.y, after: null, namespace: {database_name: main, schema: sales}}
  collections:
  - name: people
    description: null
    data_categories: [user]
    fields:
    - name: id
      description: null
      data_categories: null
      fides_meta: {references: null, identity: warehouse_id, primary_key: true, data_type: integer, length: null,
        return_all_elements: null, read_only: null, custom_request_field: null, masking_strategy_override: null}
      fields: null
    - name: tags
      data_categories: [user.content]
      fidesops_meta: {data_type: 'string[]', return_all_elements: true}
    - name: home
      fides_meta: {data_type: object}
      fields:
      - {name: city, data_categories: [user.contact.address.city]}
    fides_meta: {after: null, erase_after: [warehouse.calls], skip_processing: false, masking_strategy_override: null,
      partitioning: {field: id, windows: []}}
  - name: calls
    after: [other.table]
    fields: [{name: note}]
    fides_meta: {masking_strategy_override: {strategy: delete}, namespace: {schema: ops}}
"""


def test_an_exported_file_with_every_member_loads() -> None:
    people, calls = load(EXPORTED)[0].collections
    assert (people.schema, calls.schema) == ("sales", "ops")
    assert people.erase_after == {Address("warehouse", "calls")} and calls.after == {Address("other", "table")}
    assert calls.masking is not None and calls.masking.name == "delete"
    identity = people.leaf("id")
    assert identity is not None and identity.identity == "warehouse_id" and identity.categories == {"user"}
    city = people.leaf("home.city")
    assert city is not None and city.column == "home" and city.categories == {"user.contact.address.city"}


@pytest.mark.parametrize(
    ("change", "place", "code"),
    [
        (("field: address.id", "field: address.idd"), "shop:customer/address_id", "unknown_field"),
        (("field: customer.id", "field: costumer.id"), "shop:login/customer_id", "unknown_collection"),
        (("field: orders.id", "field: orders"), "shop:order_item/order_id/references[0]/field", "invalid_reference"),
        (("direction: to", "direction: up"), "shop:customer/address_id/references[0]/direction", "invalid_direction"),
        (("length: 40", "length: -1"), "shop:customer/name/length", "invalid_length"),
        (("data_type: string", "data_type: strng"), "shop:customer/email/data_type", "unknown_data_type"),
        (("- name: report", "- name: visit"), "shop/visit", "duplicate"),
        (("[user.name]", "['user..name']"), "shop:customer/name/data_categories", "invalid_category"),
        (("primary_key: True", "primary_key: sure"), "shop:address/id/primary_key", "not_a_boolean"),
        (("fides_key: shop", "key: shop"), "dataset[0]/fides_key", "missing"),
        (("fides_key: shop", "fides_key: No"), "dataset[0]/fides_key", "not_a_text"),
        (
            ("fides_meta: {primary_key: True}", "fides_meta: [primary_key]"),
            "shop:address/id/fides_meta",
            "not_an_object",
        ),
        (("dataset:\n", "dataset: [\n"), "line 139", "not_yaml"),
    ],
)
def test_a_flaw_is_told_with_its_place(change: tuple[str, str], place: str, code: str) -> None:
    with pytest.raises(Invalid) as refused:
        load(DATASET.replace(*change, 1))
    found = {flaw.pointer: flaw.code for flaw in refused.value.errors}
    if code == "not_yaml":
        assert set(found.values()) == {code}
    else:
        assert found.get(place) == code, found


def test_a_member_nobody_knows_is_told_because_it_may_be_a_slip_of_the_pen() -> None:
    assert unknown_members(EXPORTED) == unknown_members(DATASET) == []
    slips = EXPORTED.replace("read_only: null", "read_onyl: true").replace("skip_processing: false", "skip: true")
    slips = slips.replace("- {name: city,", "- {name: city, categories: [user],")
    found = {(each.collection, each.detail.partition(" ")[0]) for each in unknown_members(slips)}
    assert found == {
        ("warehouse:people", "`fides_meta.skip`"),
        ("warehouse:people/id", "`fides_meta.read_onyl`"),
        ("warehouse:people/home.city", "`categories`"),
    }


@pytest.mark.parametrize("override", [{"strategy": "shred"}, {"strategy": "delete"}, "null_rewrite", {}])
def test_a_masking_of_a_field_that_cannot_be_is_refused(override: object) -> None:
    body = yaml.safe_load(DATASET)
    body["dataset"][0]["collections"][1]["fields"][2]["fides_meta"]["masking_strategy_override"] = override
    with pytest.raises(Invalid) as refused:
        load(yaml.safe_dump(body))
    assert refused.value.errors[0].pointer == "shop:customer/name/masking_strategy_override"


def test_a_category_covers_itself_and_what_is_below_by_segments() -> None:
    assert covers("user.contact", "user.contact") and covers("user.contact", "user.contact.email")
    assert not covers("user.contact", "user.contacts") and not covers("user.contact", "user")


def test_masks_fit_the_column_and_keep_their_suffix() -> None:
    masker = Masker()
    suffix = {"length": 5, "format_preservation": {"suffix": "@example.com"}}
    strategy = Strategy.from_override({"strategy": "random_string_rewrite", "configuration": suffix})
    masked = masker.mask(strategy, "x", None)
    assert masked is not None and len(masked) == 17 and masked.endswith("@example.com")
    assert len(masker.mask(Strategy.from_text("hash:SHA-512"), "x", 20) or "") == 20
    assert masker.mask(Strategy.from_text("hmac:SHA-256"), None, None) is None
    assert masker.mask(Strategy.from_text("string_rewrite:a:b"), "x", None) == "a:b"
    assert masker.mask(Strategy.from_text("hash"), "x", None) == masker.mask(Strategy.from_text("hash"), "x", None)
    assert masker.mask(Strategy.from_text("hash"), "x", None) != Masker().mask(Strategy.from_text("hash"), "x", None)
    masker.destroy()
    with pytest.raises(RuntimeError):
        masker.mask(Strategy.from_text("hmac"), "x", None)


@pytest.mark.parametrize("text", ["shred", "hash:MD5", "random_string_rewrite:0", "random_string_rewrite:many", ""])
def test_a_masking_that_does_not_exist_is_refused(text: str) -> None:
    with pytest.raises(MaskingInvalid):
        Strategy.from_text(text)
