from __future__ import annotations

import gc
import os
import socket
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import uvicorn

from openenv.core.env_server.http_server import create_app
from openenv.core.generic_client import GenericEnvClient
from openenv.core.transports import blocking
from openenv.core.transports._keeper import Keeper
from openenv.testing import serve
from tests.core.plain_servers import let_in, observation, read, reply, speaking
from tests.core.worlds import Counter, eventually


@contextmanager
def impatient_server() -> Iterator[str]:
    """Serve with pings that must be answered within seconds."""
    config = uvicorn.Config(
        create_app(Counter),
        ws="websockets-sansio",
        ws_ping_interval=0.1,
        ws_ping_timeout=1.5,
        log_config=None,
        access_log=False,
    )
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        eventually(lambda: server.started, "the server")
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        thread.join()


@pytest.fixture
def quick_keeper(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    quick = Keeper(period_s=0.02)
    monkeypatch.setattr(blocking, "keeper", quick)
    yield
    eventually(lambda: quick._thread is None, "the keeper's end")


@pytest.mark.usefixtures("quick_keeper")
def test_an_idle_client_keeps_answering_the_servers_pings() -> None:
    pings = 0

    def pinging(connection: Any) -> None:
        nonlocal pings
        let_in(connection)
        reply(connection, "observation", observation(1), to=read(connection))
        for _ in range(5):
            assert connection.ping().wait(60), "the client did not answer"
            pings += 1
        reply(connection, "observation", observation(2), to=read(connection))
        connection.recv()

    with speaking(pinging) as url, GenericEnvClient(base_url=url).sync() as env:
        env.step({})
        eventually(lambda: pings == 5, "five answers to pings")
        assert env.step({}).observation == {"total": 2}


@pytest.mark.usefixtures("quick_keeper")
def test_an_idle_client_outlives_an_impatient_server() -> None:
    with impatient_server() as url, GenericEnvClient(base_url=url, reconnect_grace_s=0).sync() as env:
        env.step({"amount": 4})
        # Longer than the server would wait for an answer to its ping.
        threading.Event().wait(2.0)
        assert env.step({"amount": 1}).observation["total"] == 5


@pytest.mark.usefixtures("quick_keeper")
def test_an_idle_client_gives_signs_of_life() -> None:
    with serve(Counter) as server:
        client = GenericEnvClient(base_url=server.base_url, websocket_ping_interval_s=0.05)
        with client.sync() as env:
            env.step({})
            transport = env.async_client._transport
            assert isinstance(transport, blocking.BlockingTransport)
            eventually(lambda: transport._pinged_at > 0, "a ping")
            assert env.step({}).observation["total"] == 2


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.usefixtures("quick_keeper")
def test_a_client_that_is_forgotten_is_collected_and_its_socket_closed() -> None:
    with serve(Counter) as server:
        descriptors = len(os.listdir("/dev/fd"))
        env = GenericEnvClient(base_url=server.base_url).sync()
        env.step({})
        transport = weakref.ref(env.async_client._transport)
        del env
        gc.collect()
        eventually(lambda: transport() is None, "the transport's end")
        eventually(lambda: len(os.listdir("/dev/fd")) <= descriptors, "the socket's end")
