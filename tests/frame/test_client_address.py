"""Behind a balancer the limits count people, and nobody can write an address of their choice."""

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory, override_settings

from gdpr_portal.middleware import ClientAddressMiddleware


def seen(forwarded: str) -> str:
    def view(request: HttpRequest) -> HttpResponse:
        return HttpResponse(request.META["REMOTE_ADDR"])

    request = RequestFactory().get("/", REMOTE_ADDR="10.0.0.1", HTTP_X_FORWARDED_FOR=forwarded)
    return ClientAddressMiddleware(view)(request).content.decode()


def test_without_a_proxy_of_ours_the_header_is_nothing() -> None:
    assert seen("203.0.113.9") == "10.0.0.1"


@pytest.mark.parametrize(
    ("forwarded", "address"),
    [("203.0.113.9", "203.0.113.9"), ("6.6.6.6, 203.0.113.9", "203.0.113.9"), ("", "10.0.0.1")],
)
def test_one_proxy_is_believed_for_the_last_entry(forwarded: str, address: str) -> None:
    with override_settings(TRUSTED_PROXY_COUNT=1):
        assert seen(forwarded) == address


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("192.0.2.7:4711", "192.0.2.7"),
        ("[2001:db8::1]:4711", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
        ("2001:db8::4711", "2001:db8::4711"),
        ("unknown", "unknown"),
    ],
)
def test_a_port_beside_the_address_is_no_part_of_it(written: str, address: str) -> None:
    """Some proxies write it, and with every new connection its owner would be somebody else."""
    with override_settings(TRUSTED_PROXY_COUNT=1):
        assert seen(written) == address
