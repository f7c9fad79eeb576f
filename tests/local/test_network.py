"""The guard that keeps tests on this machine is seen at work."""

import socket
import urllib.request

import pytest

from tests.plugins.network import NetworkIsOff


def test_another_machine_cannot_be_reached_by_address_or_name() -> None:
    with socket.socket() as out, pytest.raises(NetworkIsOff):
        out.connect(("192.0.2.1", 80))
    with socket.socket(socket.AF_INET6) as out, pytest.raises(NetworkIsOff):
        out.connect_ex(("2001:db8::1", 80))
    with pytest.raises(NetworkIsOff):
        urllib.request.urlopen("http://controller.example/")


def test_this_machine_can() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as there:
        assert there.getpeername() == server.getsockname()
