"""Applications and their endpoints: registered, rotated, and where notices may go."""

import io

import pytest
from django.core.management import CommandError, call_command

from access.models import WebhookEndpoint
from access.services.applications import (
    create_application,
    disable_endpoint,
    remove_endpoint,
    set_endpoint,
    webhook_secrets,
)
from gdpr_portal.errors import Invalid


def test_a_scope_that_does_not_exist_is_refused(db):
    with pytest.raises(Invalid, match="unknown_scope"):
        create_application(slug="x", name="X", scopes=["data:everything"])


def test_an_endpoint_has_a_fresh_secret_and_the_old_one_stays_for_a_while(acme, audit_log):
    first = set_endpoint(application=acme, url="https://acme.example/hook")
    second = set_endpoint(application=acme, url="https://acme.example/hook2")
    assert first != second and first.startswith("whsec_")
    assert webhook_secrets(acme) == [second, first]
    row = WebhookEndpoint.objects.get()
    assert first.encode() not in bytes(row.previous_secret_sealed) and second.encode() not in bytes(row.secret_sealed)
    assert len(audit_log("endpoint.set")) == 2 and "acme.example" not in str(audit_log("endpoint.set")[0].details)


def test_a_disabled_endpoint_has_no_secret(acme, audit_log):
    set_endpoint(application=acme, url="https://acme.example/hook")
    assert disable_endpoint(application=acme) is True
    assert disable_endpoint(application=acme) is False
    assert webhook_secrets(acme) == [] and len(audit_log("endpoint.removed")) == 1


def test_a_removed_endpoint_is_gone_with_its_secrets(acme, audit_log):
    set_endpoint(application=acme, url="https://acme.example/hook")
    assert remove_endpoint(application=acme) is True
    assert remove_endpoint(application=acme) is False
    assert not WebhookEndpoint.objects.exists() and len(audit_log("endpoint.removed")) == 1


BAD = [
    "http://acme.example/", "ftp://acme.example/", "https://", "acme.example", "https://user@acme.example/",
    "https://a b/",
    "https://acme.example/#x", "https://acme.example:0/", "https://acme.example:99999/", "javascript:alert(1)",
    "https://[::1", "https://acme.example/\u00e9", "https://acme.example/" + "x" * 500,
    "https://10.0.0.1/", "https://169.254.169.254/", "https://[::ffff:127.0.0.1]/", "https://[fd00::1]/",
    "https://0x7f.1/", "https://2130706433/", "https://acme.example:9443/",
]  # fmt: skip


@pytest.mark.parametrize("url", BAD)
def test_an_endpoint_that_is_no_plain_https_address_is_refused(acme, url):
    with pytest.raises(Invalid, match="invalid_endpoint"):
        set_endpoint(application=acme, url=url)
    assert not WebhookEndpoint.objects.exists()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("nonsense", "https://partner.example"), ("http://acme.example/", "over https"),
        ("https://10.0.0.1/", "public"),
        ("https://u:p@acme.example/", "user name"), ("https://acme.example:9443/", "443 or 8443"),
        ("http://127.0.0.1:99999/", "https://partner.example"),
    ],
)  # fmt: skip
def test_the_refusal_of_an_endpoint_says_what_is_wrong(acme, settings, url, said):
    settings.WEBHOOK_LOOPBACK_ALLOWED = True
    with pytest.raises(Invalid) as refused:
        set_endpoint(application=acme, url=url)
    assert said in refused.value.message
    for fits in ("https://acme.example:8443/x", "https://93.184.216.34/x", "https://1and1.example/"):
        assert set_endpoint(application=acme, url=fits)


@pytest.mark.parametrize("url", ["http://127.0.0.1:9000/", "https://localhost/", "http://[::1]:9000/x"])
def test_loopback_only_where_it_is_allowed(acme, settings, url):
    settings.WEBHOOK_LOOPBACK_ALLOWED = False
    with pytest.raises(Invalid):
        set_endpoint(application=acme, url=url)
    settings.WEBHOOK_LOOPBACK_ALLOWED = True
    assert set_endpoint(application=acme, url=url).startswith("whsec_")


def test_the_command_prints_the_secret_and_nothing_else(acme):
    out = io.StringIO()
    call_command("webhook_endpoint", "set", "acme", "https://acme.example/hook", stdout=out)
    assert out.getvalue().strip() == webhook_secrets(acme)[0]
    shown = io.StringIO()
    call_command("webhook_endpoint", "show", "acme", stdout=shown)
    assert shown.getvalue().strip() == "https://acme.example/hook live"
    call_command("webhook_endpoint", "disable", "acme", stdout=io.StringIO())
    assert webhook_secrets(acme) == []
    with pytest.raises(CommandError):
        call_command("webhook_endpoint", "set", "nobody", "https://acme.example/hook")
