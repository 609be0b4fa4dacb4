"""Clients that open, ask, lose their connection, come back, repeat, take back and close, in any order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from openenv.core import ServerSettings
from openenv.core.env_server.http_server import HTTPEnvServer
from openenv.core.env_server.routes.websocket import WebSocketRoute
from openenv.core.transports._resumption import Ticket, opening_data
from openenv.core.transports.base import TransportSettings
from openenv.core.wire.client_exchange import ClientExchange
from openenv.core.wire.codec import encode
from openenv.core.wire.frames import SUBPROTOCOL_V2, JsonObject, RequestKind, Version

from .environments import Ask, Counter, Told
from .report import tell

pytestmark = pytest.mark.lengthy

_T = TypeVar("_T")

_TURNS = 40
_RUNS = 800
_CANCELLED = "RequestCancelledError"


class _Recording(Counter):
    """Tells which steps were made, and makes some wait until all may go on."""

    made: list[int]
    gate: asyncio.Event

    async def step_async(self, action: Ask, timeout_s: float | None = None, *args: Any, **kwargs: Any) -> Told:
        if action.what == "wait":
            await self.gate.wait()
        self.made.append(action.number)
        return self.step(action)


_SETTINGS = TransportSettings("http://here", reconnect_grace_s=600)


class _Link:
    """A connection without a network: frames go in, frames come out, and either end may go at any time."""

    def __init__(self, server: HTTPEnvServer) -> None:
        self.sent: list[str] = []
        self._incoming: asyncio.Queue[dict[str, object]] = asyncio.Queue()
        self._incoming.put_nowait({"type": "websocket.connect"})
        scope = {"type": "websocket", "subprotocols": [SUBPROTOCOL_V2], "query_string": b"", "client": ("here", 1)}
        self.served = asyncio.ensure_future(WebSocketRoute(server)({**scope, "headers": []}, self._receive, self._send))

    def write(self, frame: str | bytes) -> None:
        form = "text" if isinstance(frame, str) else "bytes"
        self._incoming.put_nowait({"type": "websocket.receive", form: frame})

    def end(self) -> None:
        self._incoming.put_nowait({"type": "websocket.disconnect", "code": 1006})

    async def _receive(self) -> dict[str, object]:
        return await self._incoming.get()

    async def _send(self, message: Any) -> None:
        if message["type"] == "websocket.send":
            self.sent.append(message["text"])


@dataclass
class _Client:
    """What a client knows: its requests, their answers, and the proof of its session."""

    link: _Link
    exchange: ClientExchange = field(default_factory=lambda: ClientExchange(Version.V2))
    ticket: Ticket | None = None
    asked: dict[int, int] = field(default_factory=dict)
    answered: dict[int, tuple[str, JsonObject]] = field(default_factory=dict)
    taken_back: set[int] = field(default_factory=set)
    old_links: list[_Link] = field(default_factory=list)
    is_closed: bool = False

    def hear(self) -> _Client:
        """Take the answers that came on the connection that the client looks at."""
        frames, self.link.sent[:] = list(self.link.sent), []
        for answer in [answer for frame in frames for answer in self.exchange.receive_all(frame)]:
            if answer.kind == "opened":
                self.ticket = Ticket.of(answer.data)
            if answer.request_id is not None:
                told = (answer.kind, answer.data)
                assert self.answered.setdefault(answer.request_id, told) == told
        return self


async def _all(tasks: Sequence[asyncio.Future[None]]) -> None:
    await asyncio.wait_for(asyncio.gather(*tasks), 30)


class Sessions(RuleBasedStateMachine):
    """A server and its clients, with the event loop turned by hand."""

    clients = Bundle("clients")

    def __init__(self) -> None:
        super().__init__()
        self._loop = asyncio.new_event_loop()
        self._numbers = count(1)
        self._everyone: list[_Client] = []

    @initialize(target=clients)
    def begin(self) -> MultipleResults[_Client]:
        self._run(self._begin())
        return multiple(self._open(), self._open())

    async def _begin(self) -> None:
        made: dict[str, object] = {"made": [], "gate": asyncio.Event()}
        self._environment: type[_Recording] = type("Recording", (_Recording,), made)
        settings = ServerSettings(reconnect_grace_s=600)
        self._server = HTTPEnvServer(self._environment, max_concurrent_envs=1000, settings=settings)

    def _run(self, coroutine: Coroutine[Any, Any, _T]) -> _T:
        return self._loop.run_until_complete(coroutine)

    def _turn(self, turns: int) -> None:
        """Let the server go on for a while; what a client is not told yet it may never be."""

        async def go_on() -> None:
            for _ in range(turns):
                await asyncio.sleep(0)

        self._run(go_on())

    async def _connect(self) -> _Link:
        return _Link(self._server)

    @rule(target=clients)
    def open(self) -> _Client:
        return self._open()

    def _open(self) -> _Client:
        client = _Client(self._run(self._connect()))
        _, frame = client.exchange.request(RequestKind.OPEN, opening_data(_SETTINGS))
        client.link.write(frame)
        self._until(lambda: client.hear().ticket is not None)
        self._everyone.append(client)
        return client

    @rule(client=clients, waits=st.lists(st.booleans(), min_size=1, max_size=4))
    def ask(self, client: _Client, waits: list[bool]) -> None:
        for each_waits in waits:
            number = next(self._numbers)
            action = encode({"number": number, "what": "wait" if each_waits else "count"})
            request_id, frame = client.exchange.request(RequestKind.STEP, action)
            client.asked[request_id] = number
            client.link.write(frame)

    @rule(turns=st.integers(0, _TURNS))
    def let_time_pass(self, turns: int) -> None:
        self._turn(turns)

    @rule(client=clients)
    def hear(self, client: _Client) -> None:
        client.hear()

    @rule()
    def let_waiting_steps_go_on(self) -> None:
        self._environment.gate.set()
        self._turn(_TURNS)
        self._environment.gate.clear()

    @rule(client=clients, turns=st.integers(0, 6), is_noticed=st.booleans())
    def lose_the_connection_and_come_back(self, client: _Client, turns: int, is_noticed: bool) -> None:
        """Answers on the way are lost; the server may see the old connection end late."""
        if is_noticed:
            client.link.end()
            self._turn(turns)
        else:
            client.old_links.append(client.link)
        client.link = self._run(self._connect())
        repeated = list(client.exchange.pending.values())
        number, frame = client.exchange.request(RequestKind.OPEN, opening_data(_SETTINGS, client.ticket))
        client.exchange.forget(number)
        client.link.write(frame)
        self._until(lambda: number in client.hear().answered)
        assert client.answered[number][0] == "opened"
        for each in repeated:
            client.link.write(each)

    @rule(client=clients, turns=st.integers(0, 6))
    def notice_old_connections(self, client: _Client, turns: int) -> None:
        links, client.old_links = client.old_links, []
        for link in links:
            link.end()
            self._turn(turns)

    @rule(client=clients, is_late=st.booleans())
    def repeat(self, client: _Client, is_late: bool) -> None:
        """Send again what is not answered, on this connection or an old one."""
        links = [client.link, *client.old_links]
        for frame in client.exchange.pending.values():
            links[-1 if is_late else 0].write(frame)

    @rule(client=clients, data=st.data())
    def take_back(self, client: _Client, data: st.DataObject) -> None:
        if client.exchange.pending:
            number = data.draw(st.sampled_from(list(client.exchange.pending)))
            client.taken_back.add(number)
            client.link.write(client.exchange.cancel(number))

    @rule(client=consumes(clients))
    def close(self, client: _Client) -> None:
        client.link.write(client.exchange.request(RequestKind.CLOSE)[1])
        client.is_closed = True

    @invariant()
    def nothing_is_done_twice(self) -> None:
        if self._everyone:
            made = self._environment.made
            assert len(made) == len(set(made))

    @invariant()
    def answers_are_those_of_their_requests(self) -> None:
        for client in self._everyone:
            for request_id, (kind, data) in client.answered.items():
                if request_id in client.asked and kind == "observation":
                    observation: Any = data["observation"]
                    assert observation["number"] == client.asked[request_id]
                elif request_id in client.asked:
                    assert client.is_closed or (data["error"] == _CANCELLED and request_id in client.taken_back), data

    def _until(self, holds: Callable[[], object]) -> None:
        for _ in range(200):
            if holds():
                return
            # Environments are made and closed on threads.
            self._run(asyncio.sleep(0.001))
        raise AssertionError("the server does not come to rest")

    def teardown(self) -> None:
        try:
            if self._everyone:
                self._come_to_rest()
        finally:
            self._end()

    def _come_to_rest(self) -> None:
        self._environment.gate.set()
        alive = [client for client in self._everyone if not client.is_closed]
        self._until(lambda: self._server.active_sessions == len(alive))
        self._until(lambda: all(self._has_every_answer(client) for client in alive))
        done = [client.answered[request_id][0] for client in alive for request_id in client.asked]
        self.nothing_is_done_twice()
        self.answers_are_those_of_their_requests()
        assert len(self._environment.made) >= done.count("observation")

    def _end(self) -> None:
        for client in self._everyone:
            for link in (client.link, *client.old_links):
                link.end()
        self._run(self._server.sessions.close_all())
        served = [link.served for client in self._everyone for link in (client.link, *client.old_links)]
        self._run(_all(served))
        assert self._server.active_sessions == 0
        self._loop.close()

    def _has_every_answer(self, client: _Client) -> bool:
        return client.hear().answered.keys() >= client.asked.keys()


_UNHURRIED: dict[str, Any] = {"deadline": None, "suppress_health_check": list(HealthCheck), "database": None}


def test_sessions_hold_in_any_order() -> None:
    run_state_machine_as_test(Sessions, settings=settings(max_examples=25, stateful_step_count=30, **_UNHURRIED))


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_sessions_hold_in_any_order_for_long() -> None:
    unhurried = settings(max_examples=_RUNS, stateful_step_count=60, **_UNHURRIED)
    run_state_machine_as_test(Sessions, settings=unhurried)
    tell(
        f"{_RUNS:,} runs of up to 60 moves by hypothesis: open, ask, lose, come back, repeat, take back, close",
        "nothing done twice, every answer that of its request, as many slots taken as sessions alive",
    )
