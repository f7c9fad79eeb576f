"""One function decides: whoever gives data out, shares it or says whether one may, asks `consent.decide.decide`."""

import re
from pathlib import Path

import pytest

from tests.laws.call_graph import Sources

DECIDE = "consent.decide.decide"
ASKS = (
    "consent.services.decisions.decide_for",
    "consent.services.decisions.decide_many",
    "consent.services.decisions.decide_one",
    "consent.services.batches.decide_alike",
    "consent.services.data.read_data",
    "consent.services.data.store_data",
    "consent.services.feed.changes",
    "consent.services.feed.snapshot",
    "consent.services.imports.without_ground",
    "consent.services.reading.read_plainly",
    "consent.services.sending.claim",
    "consent.services.sharing.set_sharing",
    "consent.pages.toggles",
    "consent.qa.past.look_back",
    "consent.qa.simulation.simulate",
)
"""The API, the feed, the vault's reads and writes, the import, deliveries, the portal, the desk."""
ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("subjects", "consent", "erasure", "gdpr_portal")


pytestmark = pytest.mark.xdist_group(__name__)  # reading the sources takes seconds


@pytest.fixture(scope="module")
def sources() -> Sources:
    return Sources(ROOT, PACKAGES)


@pytest.mark.parametrize("name", ASKS)
def test_whoever_decides_asks_the_one_function(sources: Sources, name: str) -> None:
    assert sources.function(name) is not None, "renamed: name it anew here"
    assert DECIDE in sources.reach(name)


def test_the_rules_stand_in_one_module(sources: Sources) -> None:
    """A verdict is made nowhere else, and nobody else walks the rules."""
    made = {
        file.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for file in (ROOT / package).rglob("*.py")
        if re.search(r"(?<!class )\bVerdict\(|\.refuses\(", file.read_text())
    }
    assert made == {"consent/decide.py"}


def test_values_are_opened_for_an_application_by_one_service_only(sources: Sources) -> None:
    """Of the services that open values, those an application reaches have been decided on."""
    opening = {name for name in sources.services if "subjects.services.values.opened" in sources.reach(name)}
    assert {"consent.services.data.read_data", "consent.services.reading.read_plainly"} <= opening
    doors = {name for name in opening if name.startswith("consent.services.")}
    assert {name for name in doors if DECIDE not in sources.reach(name)} == set()


def test_a_way_around_is_noticed(tmp_path: Path) -> None:
    package = tmp_path / "consent" / "services"
    package.mkdir(parents=True)
    (tmp_path / "consent" / "decide.py").write_text("def decide(facts): ...\n")
    (package / "data.py").write_text(
        "from consent.decide import decide\ndef read_data(): return decide(1)\ndef read_anyway(): return 'everything'\n"
    )
    found = Sources(tmp_path, ("consent",))
    assert DECIDE in found.reach("consent.services.data.read_data")
    assert DECIDE not in found.reach("consent.services.data.read_anyway")
