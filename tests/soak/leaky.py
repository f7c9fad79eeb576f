"""The web door with a made-up dependency in every request (tests/soak/test_soak.py): `leaky_dependency`, 1 or 2."""

from collections.abc import Iterable
from typing import Any

import leaky_dependency  # type: ignore[import-not-found]

from gdpr_portal import lifetimes

lifetimes.MEASURE_SECONDS = 0.2

from gdpr_portal.wsgi import application as service  # noqa: E402  the measuring begins with it


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    leaky_dependency.work(environ.get("REMOTE_ADDR", ""))
    return service(environ, start_response)
