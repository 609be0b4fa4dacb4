"""Answers that come late or not at all, over both kinds of socket."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from openenv.core.exceptions import RequestTimeoutError, StepTimeoutError
from openenv.core.generic_client import GenericEnvClient
from openenv.core.transports import blocking, websocket
from openenv.testing import RunningServer, serve
from tests.core.driving import Drive, both_kinds
from tests.core.plain_servers import let_in, listening, observation, read, reply, speaking
from tests.core.worlds import Add, Count, Counter, Gate, eventually, sessions_of

SHORT_S = 0.2
# Within which an answer that is not late comes on a busy machine too.
LATE_S = 1.0


class Gated(Counter):
    """Waits at the gate in steps of 100 and more."""

    gate: Gate

    def step(self, action: Add, timeout_s: float | None = None, **kwargs: Any) -> Count:
        if action.amount >= 100:
            type(self).gate.pass_through()
        return super().step(action)


@pytest.fixture
def server() -> Iterator[RunningServer]:
    Gated.gate = Gate()
    with serve(Gated) as server:
        yield server
        Gated.gate.open()


class Answers:
    """A server's conversation that answers some requests late: when the next one has come."""

    def __init__(self, *, v2: bool) -> None:
        self._v2 = v2
        self._total = 0

    def __call__(self, connection: Any) -> None:
        if self._v2:
            let_in(connection)
        late: dict[str, Any] | None = None
        while True:
            try:
                asked = read(connection)
            except ConnectionClosed:
                return
            if asked["type"] == "cancel":
                continue
            if asked["type"] == "close":
                return
            if late is not None:
                reply(connection, "observation", observation(-1), to=late)
                late = None
            if asked["data"].get("late"):
                late = asked
            else:
                self._total += 1
                reply(connection, "observation", observation(self._total), to=asked)


@both_kinds
@pytest.mark.parametrize("v2", [True, False])
def test_a_late_answer_is_not_taken_for_the_next_one(drive: Drive, v2: bool) -> None:
    with (
        speaking(Answers(v2=v2), v2=v2) as url,
        drive(GenericEnvClient(base_url=url, message_timeout_s=LATE_S)) as env,
    ):
        for expected in (1, 2):
            with pytest.raises(RequestTimeoutError, match="message_timeout_s"):
                env.step({"late": True})
            assert env.step({}).observation == {"total": expected}


@both_kinds
def test_a_step_without_an_answer_is_a_step_timeout(drive: Drive, server: RunningServer) -> None:
    client = GenericEnvClient(base_url=server.base_url, message_timeout_s=LATE_S)
    with drive(client) as env:
        env.step({"amount": 1})
        with pytest.raises(StepTimeoutError, match=r"no answer to step .* within 1 s"):
            env.step({"amount": 100})
        Gated.gate.open()


@both_kinds
def test_without_a_limit_a_client_waits(drive: Drive, server: RunningServer) -> None:
    client = GenericEnvClient(base_url=server.base_url, message_timeout_s=None)
    with drive(client) as env:
        env.step({"amount": 1})
        threading.Timer(SHORT_S, Gated.gate.open).start()
        assert env.step({"amount": 100}).observation["total"] == 101


@both_kinds
def test_a_server_that_reads_nothing_is_given_up_in_time(drive: Drive) -> None:
    """A message larger than what fits into the socket's buffers waits for room, but not for ever."""
    ended = threading.Event()

    def deaf(connection: Any) -> None:
        let_in(connection)
        ended.wait()

    with speaking(deaf, max_queue=1, max_size=None) as url:
        client = GenericEnvClient(base_url=url, message_timeout_s=SHORT_S, reconnect_grace_s=0)
        try:
            with drive(client) as env:
                for _ in range(2):
                    with pytest.raises((RequestTimeoutError, ConnectionError)):
                        env.step({"text": "x" * 12_000_000})
        finally:
            ended.set()


@both_kinds
def test_a_server_that_does_not_say_goodbye_is_left(drive: Drive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket, "_GOODBYE_S", SHORT_S)
    monkeypatch.setattr(blocking, "_GOODBYE_S", SHORT_S)
    ended = threading.Event()

    def mute(connection: Any) -> None:
        let_in(connection)
        ended.wait()

    with speaking(mute) as url:
        with drive(GenericEnvClient(base_url=url)) as env:
            env.connect()
        ended.set()


@both_kinds
def test_a_handshake_without_an_end_is_given_up_in_time(drive: Drive) -> None:
    def drip(connection: Any) -> None:
        connection.sendall(b"HTTP/1.1 101 Switching")

    with (
        listening(drip) as url,
        drive(GenericEnvClient(base_url=url, connect_timeout_s=SHORT_S)) as env,
        pytest.raises(ConnectionError, match="no answer in time"),
    ):
        env.connect()


def taken_back(server: RunningServer) -> int:
    return sessions_of(server).sessions.telemetry.errors["RequestCancelledError"]


def is_taken_back(server: RunningServer, number: int) -> bool:
    return taken_back(server) == number


def test_a_task_that_is_cancelled_leaves_the_client_in_step(server: RunningServer) -> None:
    async def play() -> list[float | None]:
        rewards: list[float | None] = []
        async with GenericEnvClient(base_url=server.base_url) as env:
            before = taken_back(server)
            for number in range(1, 4):
                waiting = asyncio.ensure_future(env.step({"amount": 100}))
                await asyncio.to_thread(Gated.gate.wait_for_someone)
                behind = asyncio.ensure_future(env.step({"amount": 7}))
                await asyncio.sleep(0)
                behind.cancel()
                await asyncio.to_thread(eventually, partial(is_taken_back, server, before + number), "the news of it")
                Gated.gate.open()
                rewards += [(await waiting).reward, (await env.step({"amount": 1})).reward]
                Gated.gate.opened.clear()
        return rewards

    assert asyncio.run(play()) == [100.0, 1.0] * 3
