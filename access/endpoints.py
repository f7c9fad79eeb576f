"""What the address of an endpoint may be, as far as it can be told from its letters. Pure.

A name is looked up, and where it leads to looked at, with every call (`consent.webhook`); what never can be called is
refused when it is set, so that nobody waits for notices that cannot come.
"""

from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

PORTS = frozenset({443, 8443})
"""Where notices may go to on other machines."""
LONGEST = 500
NO_ADDRESS = "This is no address such as https://partner.example/notices."
NOT_PUBLIC = "Notices go to public addresses of other machines (to this one in the development profile alone)."


def flaw_of(url: str, *, allow_loopback: bool) -> str:
    """What is wrong with the address, in a sentence; empty if nothing is."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return NO_ADDRESS
    if not host or port == 0 or len(url) > LONGEST or " " in url or not (url.isascii() and url.isprintable()):
        return NO_ADDRESS
    if parts.username is not None or parts.fragment:
        return "An address for notices has no user name and no fragment."
    if allow_loopback and _is_loopback(host):
        return "" if parts.scheme in {"https", "http"} else NO_ADDRESS
    return _flaw_elsewhere(parts, host, port)


def _flaw_elsewhere(parts: SplitResult, host: str, port: int | None) -> str:
    if parts.scheme != "https":
        return "Notices go over https."
    if _is_loopback(host) or not _may_be_public(host):
        return NOT_PUBLIC
    return "" if port is None or port in PORTS else "Notices go to port 443 or 8443."


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _may_be_public(host: str) -> bool:
    """Whether it is a name, or an address of the open internet; no other way of writing a number is a name."""
    try:
        return ip_address(host).is_global
    except ValueError:
        return not host.rsplit(".", 1)[-1][:1].isdigit()
