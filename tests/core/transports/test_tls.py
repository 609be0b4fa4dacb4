"""Servers behind TLS, as those on the Hub are: a real certificate, from an authority made for the test."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme
import uvicorn

from echo_env import EchoAction, EchoEnv, EchoObservation
from echo_env.server.echo_environment import EchoEnvironment
from openenv.core._http import fetch
from openenv.core._uvicorn import uvicorn_settings
from openenv.core.client_types import StepResult
from openenv.core.env_server import create_app
from openenv.core.exceptions import ConnectError
from openenv.core.transports import blocking
from openenv.core.transports._tls import client_context

_LONG = "x" * 200_000
_PATIENCE_S = 60


@contextmanager
def served(authority: trustme.CA, name: str) -> Iterator[int]:
    """Serve the counter behind TLS, with a certificate for a name."""
    settings: dict[str, Any] = uvicorn_settings()
    config = uvicorn.Config(create_app(EchoEnvironment, max_concurrent_envs=64), log_config=None, **settings)
    config.load()
    config.ssl = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(name).configure_cert(config.ssl)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join(_PATIENCE_S)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def port(authority: trustme.CA) -> Iterator[int]:
    with served(authority, "localhost") as port:
        yield port


@pytest.fixture
def url(port: int, authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    return f"https://localhost:{port}"


def test_an_asynchronous_client(url: str) -> None:
    async def play() -> str:
        async with EchoEnv(base_url=url) as env:
            await env.reset()
            return (await env.step(EchoAction(message=_LONG))).observation.echoed_message

    assert asyncio.run(play()) == _LONG


def test_a_plain_client(url: str) -> None:
    with EchoEnv(base_url=url).sync() as env:
        env.reset()
        assert env.step(EchoAction(message=_LONG)).observation.echoed_message == _LONG
        assert env.step(EchoAction(message="short")).observation.echoed_message == "short"


def test_a_pool_of_either_kind(url: str) -> None:
    actions = [EchoAction(message=f"{index} {_LONG}") for index in range(16)]

    async def play() -> list[StepResult[EchoObservation]]:
        async with EchoEnv.pool(16, base_url=url) as pool:
            await pool.reset()
            return await pool.step(actions)

    assert [result.observation.echoed_message for result in asyncio.run(play())] == [a.message for a in actions]
    with EchoEnv.pool(16, base_url=url).sync() as pool:
        pool.reset()
        assert [result.observation.echoed_message for result in pool.step(actions)] == [a.message for a in actions]


def test_what_the_server_says_over_http(url: str) -> None:
    assert fetch(f"{url}/health").status == 200


def test_a_connection_is_looked_after_while_nobody_uses_it(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # As when a server hands out its tickets late: something comes, and it is for TLS alone.
    monkeypatch.setattr(blocking, "has_news", lambda _: True)
    monkeypatch.setattr(blocking, "_CANCEL_S", 0.01)
    client = EchoEnv(base_url=url)
    with client.sync() as env:
        env.reset()
        transport = client._transport
        assert isinstance(transport, blocking.BlockingTransport)
        transport._used_at = 0.0
        transport.tend()
        assert env.step(EchoAction(message="still there")).observation.echoed_message == "still there"


def test_a_certificate_that_nobody_vouches_for_is_refused(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    url = f"https://localhost:{port}"

    with pytest.raises(ConnectError, match=r"could not trust .*SSL_CERT_FILE"), EchoEnv(base_url=url).sync():
        pass
    with pytest.raises(ConnectError, match=r"could not trust .*SSL_CERT_FILE"):
        asyncio.run(_connected(url))


def test_a_certificate_for_another_name_is_refused(authority: trustme.CA, url: str) -> None:
    with (
        served(authority, "elsewhere.example") as port,
        pytest.raises(ConnectError, match=r"could not trust .*[Hh]ostname mismatch"),
        EchoEnv(base_url=f"https://localhost:{port}").sync(),
    ):
        pass


def test_a_server_without_tls_is_told_apart(url: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        plain = threading.Thread(target=_answer_plainly, args=(listener,), daemon=True)
        plain.start()
        port = listener.getsockname()[1]
        with (
            pytest.raises(ConnectError, match=r"Does the server speak TLS"),
            EchoEnv(base_url=f"https://localhost:{port}").sync(),
        ):
            pass
        plain.join(_PATIENCE_S)


def _answer_plainly(listener: socket.socket) -> None:
    connection, _ = listener.accept()
    with connection:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


async def _connected(url: str) -> None:
    async with EchoEnv(base_url=url):
        pass


def test_certificates_are_read_once(url: str) -> None:
    assert client_context() is client_context()
