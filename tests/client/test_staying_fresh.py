"""Local decisions on a quiet feed: a long poll has its time, and silence is neither news nor a failure."""

from typing import Any

import httpx
import pytest
from gdpr_portal_client import LocalDecisions, Portal
from gdpr_portal_client._sync import local as module

NOTHING = {"items": [], "next": None, "cursor": "c1"}


class Feed:
    """A service on which nothing happens; it holds a long poll back for as long as it was asked to."""

    def __init__(self) -> None:
        self.now, self.read_timeouts, self.holds_back, self.pauses = 1000.0, list[float](), True, list[float]()

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds

    def answer(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/oauth/token":
            return httpx.Response(200, json={"access_token": "t", "expires_in": 600})
        self.read_timeouts.append(request.extensions["timeout"]["read"])
        self.now += int(request.url.params.get("wait", 0)) if self.holds_back else 0
        return httpx.Response(200, json=NOTHING)


@pytest.fixture
def feed(monkeypatch: pytest.MonkeyPatch) -> Feed:
    feed = Feed()
    monkeypatch.setattr(module, "time", feed)
    return feed


@pytest.fixture
def portal(feed: Feed) -> Any:
    http = httpx.Client(transport=httpx.MockTransport(feed.answer), timeout=10)
    with Portal("http://portal.example", "id", "secret", http=http) as portal:
        yield portal


def test_a_long_poll_has_its_time_beside_the_usual_timeout(portal: Portal, feed: Feed) -> None:
    portal.changes("c0")
    portal.changes("c0", wait=25)
    assert feed.read_timeouts == [10, 35]


def test_what_was_heard_counts_from_when_it_was_asked_for(portal: Portal, feed: Feed) -> None:
    local = LocalDecisions(portal, stale_after=15)
    local.load()
    assert not local.stale
    local.catch_up(wait=20)
    assert local.stale, "an answer that took 20 s may be 20 s old"


@pytest.mark.parametrize("holds_back", [True, False])
def test_following_a_quiet_feed_it_never_grows_stale(
    portal: Portal, feed: Feed, monkeypatch: pytest.MonkeyPatch, holds_back: bool
) -> None:
    """A service that answers at once, since too many wait, is not asked without a pause."""
    feed.holds_back = holds_back
    local, states = LocalDecisions(portal, stale_after=15), list[bool]()
    local.load()
    catch_up = local.catch_up

    class Enough(Exception):
        """Of following."""

    def watched(*, wait: int = 0) -> int:
        if len(states) == 5:
            raise Enough
        count = catch_up(wait=wait)
        states.append(local.stale)
        return count

    monkeypatch.setattr(local, "catch_up", watched)
    with pytest.raises(Enough):
        local.follow()
    assert states == [False] * 5 and feed.now >= 1000 + 5
    assert feed.pauses == ([] if holds_back else [1.0] * 5)
