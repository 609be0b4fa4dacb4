"""Clients behind an HTTP proxy, which alone knows the way to the server."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest

from openenv.core import ConfigurationError, ConnectError, GenericEnvClient
from openenv.testing import serve
from tests.reliability.environments import Counter

_FAR_AWAY = "http://environment.invalid"


@dataclass
class _ConnectProxy:
    """A proxy that leads every CONNECT to one server, or refuses it."""

    target: tuple[str, int]
    answer: bytes = b"HTTP/1.1 200 Connection established\r\n\r\n"
    url: str = ""
    asked: list[str] = field(default_factory=list)

    def serve(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._lead, args=(client,), daemon=True).start()

    def _lead(self, client: socket.socket) -> None:
        with client, suppress(OSError):
            head = b""
            while b"\r\n\r\n" not in head:
                head += client.recv(1024)
            self.asked.append(head.decode())
            client.sendall(self.answer)
            if b" 200 " not in self.answer:
                return
            with socket.create_connection(self.target) as server:
                back = threading.Thread(target=_copy, args=(server, client), daemon=True)
                back.start()
                _copy(client, server)
                back.join()


def _copy(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(4096):
            sink.sendall(data)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


@contextmanager
def _proxy(target: str, answer: bytes | None = None) -> Iterator[_ConnectProxy]:
    parts = urlsplit(target)
    proxy = _ConnectProxy((parts.hostname or "", parts.port or 0))
    proxy.answer = answer or proxy.answer
    with socket.create_server(("127.0.0.1", 0)) as listener:
        proxy.url = f"127.0.0.1:{listener.getsockname()[1]}"
        threading.Thread(target=proxy.serve, args=(listener,), daemon=True).start()
        yield proxy
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """The address of a server."""
    with serve(Counter) as server:
        yield server.base_url


@pytest.fixture
def environ(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The environment variables, without those that name proxies."""
    for name in ("ws_proxy", "wss_proxy", "http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    return monkeypatch


def _count(url: str, is_sync: bool) -> int:
    async def play() -> int:
        async with GenericEnvClient(base_url=url) as client:
            await client.reset()
            return int((await client.step({"number": 1})).observation["count"])

    if not is_sync:
        return asyncio.run(play())
    with GenericEnvClient(base_url=url).sync() as client:
        client.reset()
        return int(client.step({"number": 1}).observation["count"])


@pytest.mark.parametrize("is_sync", [True, False])
def test_a_client_reaches_its_server_through_the_proxy(url: str, environ: pytest.MonkeyPatch, is_sync: bool) -> None:
    with _proxy(url) as proxy:
        environ.setenv("http_proxy", f"http://name:word@{proxy.url}")

        assert _count(_FAR_AWAY, is_sync) == 1

    (asked,) = proxy.asked
    assert asked.startswith("CONNECT environment.invalid:80 HTTP/1.1\r\n")
    assert "Proxy-Authorization: Basic" in asked


@pytest.mark.parametrize("is_sync", [True, False])
def test_no_proxy_stands_before_this_machine(url: str, environ: pytest.MonkeyPatch, is_sync: bool) -> None:
    with _proxy(url) as proxy:
        environ.setenv("http_proxy", f"http://{proxy.url}")

        assert _count(url, is_sync) == 1

    assert proxy.asked == []


@pytest.mark.parametrize("is_sync", [True, False])
@pytest.mark.parametrize(
    ("answer", "told"),
    [(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "refused .* 407"), (b"", "no answer to CONNECT")],
    ids=["refuses", "hangs-up"],
)
def test_a_proxy_that_does_not_lead_on_is_told(
    environ: pytest.MonkeyPatch, url: str, answer: bytes, told: str, is_sync: bool
) -> None:
    with _proxy(url) as proxy:
        proxy.answer = answer
        environ.setenv("http_proxy", f"http://{proxy.url}")

        with pytest.raises(ConnectError, match=told):
            _count(_FAR_AWAY, is_sync)


@pytest.mark.parametrize("is_sync", [True, False])
def test_a_proxy_of_another_kind_is_refused_with_a_way_out(environ: pytest.MonkeyPatch, is_sync: bool) -> None:
    environ.setenv("http_proxy", "socks5://127.0.0.1:1")

    with pytest.raises(ConfigurationError, match="NO_PROXY"):
        _count(_FAR_AWAY, is_sync)
