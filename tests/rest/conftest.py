"""The probe API and a client that may use all of it."""

import pytest

PROBE = "/api/v1/probe"


@pytest.fixture
def probe(settings) -> str:
    settings.ROOT_URLCONF = "tests.rest.probe"
    return PROBE


@pytest.fixture
def api(probe, shop, client_for):
    return client_for(shop)
