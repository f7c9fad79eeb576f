"""The portal, the kit and an application under test in one process, on a clock that only the kit's waiting moves."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.server import ThreadingHTTPServer
from typing import Any

import pytest
from gdpr_portal_client import Portal
from gdpr_portal_conformance import SCOPES, HttpProbe, Patience, Relay, World
from gdpr_portal_conformance.sample import Application, serve

from access.services.applications import set_endpoint
from consent.services.sending import send_due
from erasure.services import steps


class Clock:
    """Time passes while the kit waits; meanwhile the portal's worker and the application's have had their turn."""

    def __init__(self) -> None:
        self.now, self.application = 0.0, None

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        steps.sweep()
        send_due()
        if self.application is not None:
            self.application.work()


@contextmanager
def serving(server: ThreadingHTTPServer) -> Iterator[str]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def world_of(live_server: Any, shop: Any, catalogue: None, settings: Any) -> Iterator[Callable[..., World]]:
    """`world_of(Application)`: what the kit acts in, with an application of this kind under test."""
    settings.UNDO_WINDOW_SECONDS = 0
    with ExitStack() as stack:

        def make(kind: type[Application]) -> World:
            portal = stack.enter_context(Portal(live_server.url, shop.client_id, shop.plain_secret, scopes=SCOPES))
            clock = Clock()
            relay = stack.enter_context(Relay("whsec_", ""))
            relay.secret = set_endpoint(application=shop, url=relay.url)
            application = clock.application = kind(portal, [relay.secret])
            where = stack.enter_context(serving(serve(application)))
            relay.endpoint = f"{where}/notices"
            patience = Patience(2.0, 2.0, 0.5, 0.25, lambda: clock.now, clock.sleep)
            return World(portal, relay, HttpProbe(f"{where}/probe"), purpose="newsletter", patience=patience)

        yield make
