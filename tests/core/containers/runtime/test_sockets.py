"""Listening sockets, free ports and addresses."""

from __future__ import annotations

import socket
import subprocess
import sys

import pytest

from openenv.core.containers.runtime._sockets import base_url, check_port, free_port, is_loopback, listen
from openenv.core.exceptions import ConfigurationError, ProviderError


def test_a_listener_takes_connections_before_anybody_accepts_them() -> None:
    with listen("127.0.0.1", None) as listener, socket.create_connection(listener.getsockname()) as client:
        connection, address = listener.accept()
        connection.close()
        assert address == client.getsockname()


def test_a_listener_does_not_stand_in_for_standard_input() -> None:
    """A server has a standard input of its own, which would take the listener's place."""
    program = "from openenv.core.containers.runtime._sockets import listen; print(listen('127.0.0.1', None).fileno())"
    command = ["sh", "-c", 'exec "$0" -c "$1" <&-', sys.executable, program]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert int(shown) > 2


def test_a_port_in_use_is_an_error_that_says_what_to_do() -> None:
    with listen("127.0.0.1", None) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(ProviderError, match=f"port {port} on 127.0.0.1 is in use.*take another port"):
            listen("127.0.0.1", port)


def test_a_free_port_can_be_listened_on() -> None:
    port = free_port("127.0.0.1")
    with listen("127.0.0.1", port) as listener:
        assert listener.getsockname()[1] == port


@pytest.mark.parametrize("host", ["no such host", "192.0.2.1"])
def test_a_host_that_is_not_ours_is_an_error(host: str) -> None:
    with pytest.raises(ProviderError, match=host):
        listen(host, None)


@pytest.mark.parametrize("port", [0, -1, 65536, "8000", 8000.0])
def test_what_is_no_port_is_refused(port: object) -> None:
    with pytest.raises(ConfigurationError, match="expected a port"):
        check_port(port)


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:80"),
        ("localhost", "http://localhost:80"),
        ("0.0.0.0", "http://127.0.0.1:80"),
        ("", "http://127.0.0.1:80"),
        ("::", "http://[::1]:80"),
        ("::1", "http://[::1]:80"),
    ],
)
def test_every_host_has_an_address_at_which_this_machine_reaches_it(host: str, url: str) -> None:
    assert base_url(host, 80) == url


@pytest.mark.parametrize(
    ("host", "expected"), [("127.0.0.2", True), ("localhost", True), ("::1", True), ("a.b", False)]
)
def test_loopback_is_known_by_name(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected
