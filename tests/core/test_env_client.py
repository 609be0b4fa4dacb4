from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from openenv.core.client_types import StepResult
from openenv.core.env_client import EnvClient
from openenv.core.env_server.settings import ServerSettings
from openenv.core.env_server.types import State
from openenv.core.exceptions import (
    ClientClosedError,
    ConfigurationError,
    ConnectError,
    InvalidRequestError,
    ProtocolError,
    SessionCapacityError,
    SessionLostError,
)
from openenv.core.generic_client import GenericEnvClient
from openenv.testing import RunningServer, serve
from tests.core.driving import Drive, both_kinds
from tests.core.plain_servers import hanging_up, let_in, listening, observation, read, reply, saying, speaking
from tests.core.server_process import ServerProcess
from tests.core.worlds import Add, Count, Counter, eventually, sessions_of


class CounterEnv(EnvClient[Add, Count, State]):
    """All that a client takes."""


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    with serve(Counter) as server:
        yield server


# -- a session -------------------------------------------------------------------------------------------------------


@both_kinds
def test_an_episode(server: RunningServer, drive: Drive) -> None:
    with drive(CounterEnv(base_url=server.base_url)) as env:
        first = env.reset(seed=1, episode_id="mine", start=4)
        assert first == StepResult(observation=Count(total=4), reward=None, done=False)
        second = env.step(Add(amount=2))
        assert second == StepResult(observation=Count(total=6, reward=2.0), reward=2.0, done=False)
        assert env.step(Add(amount=4)).done is True
        state = env.state()
        assert type(state) is State
        assert (state.episode_id, state.step_count) == ("mine", 2)


@both_kinds
def test_a_generic_client_needs_no_package(server: RunningServer, drive: Drive) -> None:
    with drive(GenericEnvClient(base_url=server.base_url)) as env:
        assert env.reset(start=4).observation == {"total": 4, "metadata": {}}
        assert env.step({"amount": 2}).reward == 2.0
        assert env.state() == {"episode_id": None, "step_count": 1}


@both_kinds
def test_a_client_connects_when_it_is_used(server: RunningServer, drive: Drive) -> None:
    with drive(CounterEnv(base_url=server.base_url)) as env:
        assert sessions_of(server).active_sessions == 0
        env.step(Add(amount=2))
        assert sessions_of(server).active_sessions == 1
        env.connect()
        assert env.step(Add(amount=2)).observation.total == 4
    assert sessions_of(server).active_sessions == 0


@both_kinds
def test_a_closed_client_says_so(server: RunningServer, drive: Drive) -> None:
    with drive(CounterEnv(base_url=server.base_url)) as env:
        env.reset()
        env.close()
        env.close()
        for call in (env.reset, env.connect, env.state, lambda: env.step(Add())):
            with pytest.raises(ClientClosedError, match="CounterEnv was closed"):
                call()


@both_kinds
def test_the_slot_is_free_once_a_client_is_closed(drive: Drive) -> None:
    """Whoever runs a script twice finds the server as the first run found it."""

    class Lingering(Counter):
        def close(self) -> None:
            threading.Event().wait(0.2)

    with serve(Lingering, max_concurrent_envs=1) as server:
        for _ in range(3):
            with drive(CounterEnv(base_url=server.base_url)) as env:
                env.step(Add())


@both_kinds
def test_after_disconnecting_a_session_is_new(server: RunningServer, drive: Drive) -> None:
    with drive(CounterEnv(base_url=server.base_url)) as env:
        assert env.step(Add(amount=5)).observation.total == 5
        env.call("disconnect")
        assert env.step(Add(amount=1)).observation.total == 1


@both_kinds
def test_another_session_of_the_same_server(server: RunningServer, drive: Drive) -> None:
    class Remembering(CounterEnv):
        def __init__(self, base_url: str) -> None:
            super().__init__(base_url=base_url)
            self.remembered = "this"

    with drive(Remembering(server.base_url)) as env:
        env.step(Add(amount=5))
        other = env.call("new_session")
        assert other.remembered == "this"
        assert env.step(Add(amount=1)).observation.total == 6
        assert env.outcome(other.step(Add(amount=1))).observation.total == 1
        env.outcome(other.close())
        assert env.step(Add(amount=1)).observation.total == 7


def test_steps_gathered_on_one_client_are_answered_in_order(server: RunningServer) -> None:
    async def play() -> list[int]:
        async with CounterEnv(base_url=server.base_url) as env:
            results = await asyncio.gather(*(env.step(Add(amount=n)) for n in range(200)))
            return [result.observation.total for result in results]

    assert asyncio.run(play()) == [sum(range(n + 1)) for n in range(200)]


def test_tasks_that_start_a_client_together_share_one_session(server: RunningServer) -> None:
    async def play() -> int:
        env = CounterEnv(base_url=server.base_url)
        await asyncio.gather(*(env.step(Add()) for _ in range(20)))
        open_now = sessions_of(server).active_sessions
        await env.close()
        return open_now

    assert asyncio.run(play()) == 1


def test_many_clients_at_once(server: RunningServer) -> None:
    async def play(number: int) -> int:
        async with CounterEnv(base_url=server.base_url) as env:
            await env.reset(start=number)
            for _ in range(5):
                result = await env.step(Add())
            return result.observation.total - number

    async def all_of_them() -> list[int]:
        return await asyncio.gather(*(play(number) for number in range(64)))

    assert asyncio.run(all_of_them()) == [5] * 64


def test_with_on_an_asynchronous_client_says_what_to_write() -> None:
    with pytest.raises(TypeError, match=r"async with CounterEnv\(...\)") as caught, CounterEnv(base_url="http://x"):
        pass
    assert ".sync()" in str(caught.value)


def test_a_client_belongs_to_one_event_loop(server: RunningServer) -> None:
    env = CounterEnv(base_url=server.base_url)
    first, second = asyncio.new_event_loop(), asyncio.new_event_loop()
    try:
        first.run_until_complete(env.reset())
        with pytest.raises(ConfigurationError, match=r"call \.sync\(\) before"):
            env.sync()
        for call in (env.reset, env.state, lambda: env.step(Add()), env.close):
            with pytest.raises(ConfigurationError, match="another event loop"):
                second.run_until_complete(call())
        first.run_until_complete(env.disconnect())
    finally:
        first.close()
        second.close()


# -- what travels ----------------------------------------------------------------------------------------------------


@dataclasses.dataclass
class PlainAdd:
    amount: int


@both_kinds
@pytest.mark.parametrize("action", [{"amount": 3}, Add(amount=3), PlainAdd(3)], ids=["dict", "model", "dataclass"])
def test_actions_may_be_models_dataclasses_or_dicts(server: RunningServer, drive: Drive, action: Any) -> None:
    with drive(CounterEnv(base_url=server.base_url)) as env:
        assert env.step(action).observation == Count(total=3, reward=3.0)


@both_kinds
@pytest.mark.parametrize("action", [3, "up", None, Add, [1]], ids=repr)
def test_anything_else_is_refused_before_it_is_sent(server: RunningServer, drive: Drive, action: Any) -> None:
    with drive(CounterEnv(base_url=server.base_url)) as env:
        with pytest.raises(InvalidRequestError, match="expected Add or a dict as action"):
            env.step(action)
        assert env.step(Add()).observation.total == 1


@both_kinds
def test_what_cannot_be_sent_is_refused_and_the_session_goes_on(server: RunningServer, drive: Drive) -> None:
    with drive(GenericEnvClient(base_url=server.base_url)) as env:
        env.step({"amount": 3})
        for value in (object(), "half a smile \ud83d", {"deep": [lambda: None]}):
            with pytest.raises(InvalidRequestError, match=r"cannot be sent|surrogates"):
                env.step({"amount": value})
            with pytest.raises(InvalidRequestError, match=r"cannot be sent|surrogates"):
                env.reset(episode_id=value)
        assert env.step({"amount": 1}).observation["total"] == 4


@both_kinds
def test_a_subclass_may_say_how_things_travel(server: RunningServer, drive: Drive) -> None:
    class Doubling(EnvClient[int, str, int]):
        def _step_payload(self, action: int) -> dict[str, Any]:
            return {"amount": 2 * action}

        def _parse_result(self, payload: dict[str, Any]) -> StepResult[str]:
            return StepResult(observation=f"now {payload['observation']['total']}", reward=payload["reward"])

        def _parse_state(self, payload: dict[str, Any]) -> int:
            return int(payload["step_count"])

    with drive(Doubling(base_url=server.base_url)) as env:
        assert env.step(4).observation == "now 8"
        assert env.state() == 1


@both_kinds
def test_an_observation_of_another_version_is_an_error_that_says_so(server: RunningServer, drive: Drive) -> None:
    class Other(Count):
        must_have: int

    class OtherEnv(EnvClient[Add, Other, State]):
        pass

    with drive(OtherEnv(base_url=server.base_url)) as env:
        with pytest.raises(ProtocolError, match=r"does not fit Other: must_have: Field required.*one version\?"):
            env.step(Add())
        assert env.state().step_count == 1


class Echoing(Counter):
    """Tells of the connection's headers and of the deadline it was given."""

    def step(self, action: Add, timeout_s: float | None = None, **kwargs: Any) -> Count:
        return Count(total=0, metadata={"timeout_s": timeout_s})


@both_kinds
def test_a_deadline_reaches_the_environment(drive: Drive) -> None:
    with serve(Echoing) as server, drive(CounterEnv(base_url=server.base_url)) as env:
        assert env.step(Add()).metadata == {"timeout_s": None}
        assert env.step(Add(), timeout_s=2.5).metadata == {"timeout_s": 2.5}


@both_kinds
def test_an_environment_whose_step_takes_no_deadline_is_called_without(drive: Drive) -> None:
    class Bare(Counter):
        def step(self, action: Add) -> Count:  # type: ignore[override]
            return Count(total=action.amount)

    with serve(Bare) as server, drive(CounterEnv(base_url=server.base_url)) as env:
        assert env.step(Add(amount=9), timeout_s=2.5).observation.total == 9


@both_kinds
def test_headers_reach_the_server(drive: Drive) -> None:
    seen: list[dict[bytes, bytes]] = []

    async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            seen.append(dict(scope["headers"]))
        await served.app(scope, receive, send)

    with serve(Counter) as served, serve(application) as server:
        headers = {"Authorization": "Bearer abc", "User-Agent": "mine"}
        with drive(CounterEnv(base_url=server.base_url, headers=headers)) as env:
            env.step(Add())
    assert seen[0][b"authorization"] == b"Bearer abc"
    assert seen[0][b"user-agent"] == b"mine"


# -- sizes -----------------------------------------------------------------------------------------------------------


class Large(Count):
    text: str = ""


class LargeEnv(EnvClient[Add, Large, State]):
    pass


class Talkative(Counter):
    def step(self, action: Add, timeout_s: float | None = None, **kwargs: Any) -> Large:
        super().step(Add())
        return Large(total=self.total, text="x" * action.amount)


@both_kinds
@pytest.mark.parametrize("grace_s", [60, 0])
def test_an_answer_that_is_too_long_is_an_error_that_says_so(drive: Drive, grace_s: float) -> None:
    with serve(Talkative, observation_cls=Large) as server:
        client = LargeEnv(base_url=server.base_url, max_message_size_mb=0.1, reconnect_grace_s=grace_s)
        with drive(client) as env:
            assert len(env.step(Add(amount=90_000)).observation.text) == 90_000
            with pytest.raises((ProtocolError, SessionLostError), match="max_message_size_mb"):
                env.step(Add(amount=200_000))
            if grace_s:
                assert env.step(Add(amount=1)).observation.total == 3


@both_kinds
def test_a_large_message_in_many_pieces(drive: Drive) -> None:
    with (
        serve(Talkative, observation_cls=Large) as server,
        drive(LargeEnv(base_url=server.base_url)) as env,
    ):
        assert len(env.step(Add(amount=20_000_000)).observation.text) == 20_000_000
        assert env.step(Add(amount=1, fail="")).observation.text == "x"


@both_kinds
def test_a_message_the_server_will_not_read_is_refused_and_the_session_goes_on(drive: Drive) -> None:
    settings = ServerSettings(max_message_size_mb=0.1)
    with serve(Counter, settings=settings) as server, drive(CounterEnv(base_url=server.base_url)) as env:
        env.step(Add())
        with pytest.raises(InvalidRequestError, match="reads up to 104857"):
            env.step(Add(fail="x" * 200_000))
        assert env.step(Add()).observation.total == 2


@both_kinds
def test_a_message_that_ends_the_connection_does_not_end_the_session(drive: Drive) -> None:
    """Servers in front of ours may have limits of their own, and cut what is longer."""
    opened: list[str] = []

    def picky(connection: Any) -> None:
        opening = read(connection)
        opened.append(opening["data"].get("session_id", "new"))
        reply(connection, "opened", {"session_id": "s", "secret": "x", "grace_s": 30}, to=opening)
        while True:
            asked = read(connection)
            if asked["type"] == "close":
                reply(connection, "closed", {}, to=asked)
                return
            reply(connection, "observation", observation(len(opened)), to=asked)

    with (
        speaking(picky, max_size=100_000) as url,
        drive(GenericEnvClient(base_url=url)) as env,
    ):
        env.step({})
        with pytest.raises(InvalidRequestError, match="longer than"):
            env.step({"text": "x" * 200_000})
        assert env.step({}).observation == {"total": 2}
    assert opened == ["new", "s"]


# -- servers that are not there, or not what they should be -----------------------------------------------------------


@both_kinds
@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (hanging_up, "could not reach|closed the connection|does not speak WebSocket|did not"),
        (saying("HTTP/1.1 403 Forbidden\nContent-Length: 7\n\nno way!"), "403 Forbidden: no way!"),
        (saying("HTTP/1.1 404 Not Found\nContent-Length: 0\n\n"), "404 Not Found.*is there an OpenEnv server"),
        (saying("HTTP/1.1 200 OK\nContent-Length: 2\n\nhi"), "200 OK"),
        (saying("HTTP/1.1 301 Moved\nLocation: https://x\nContent-Length: 0\n\n"), "301 Moved"),
        (saying("SSH-2.0-OpenSSH_9.6\n"), "does not speak WebSocket|closed the connection"),
        (saying("\x00\x01\x02" * 50), "does not speak WebSocket|closed the connection"),
        (None, "no answer in time"),
    ],
    ids=["hangs up", "403", "404", "200", "301", "ssh", "garbage", "silent"],
)
def test_what_is_no_server_is_a_connect_error_that_says_what_it_is(drive: Drive, answer: Any, told: str) -> None:
    with listening(answer) as url:
        client = GenericEnvClient(base_url=url, connect_timeout_s=0.3 if answer is None else 10)
        with drive(client) as env:
            for call in (env.connect, env.reset, lambda: env.step({})):
                with pytest.raises(ConnectError, match=told) as caught:
                    call()
                assert url.removeprefix("http://") in str(caught.value)


@both_kinds
@pytest.mark.parametrize("path", ["/ws", "/web/"])
def test_an_address_with_the_path_of_a_route_is_told_from_a_denial(
    server: RunningServer, drive: Drive, path: str
) -> None:
    with (
        drive(CounterEnv(base_url=server.base_url + path)) as env,
        pytest.raises(ConnectError, match=r"The client asks for /ws by itself: leave '(/ws|/web)' out of base_url"),
    ):
        env.reset()


@both_kinds
def test_blanks_around_an_address_are_none_of_it(server: RunningServer, drive: Drive) -> None:
    with drive(CounterEnv(base_url=f" {server.base_url}/\n")) as env:
        assert env.reset()


@both_kinds
def test_nobody_at_the_address(drive: Drive) -> None:
    with listening(None) as url:
        pass
    with drive(GenericEnvClient(base_url=url)) as env, pytest.raises(ConnectError, match="Is the server running"):
        env.reset()


@both_kinds
@pytest.mark.parametrize(
    "address", ["ftp://x", "http://[", "", "http://x:notaport", "ws://u@:80", "http:/x", "http://x?y=1", 8000]
)
def test_what_is_no_address_is_a_configuration_error(drive: Drive, address: Any) -> None:
    with (
        pytest.raises(ConfigurationError, match=r"address of a server|expected base_url"),
        drive(GenericEnvClient(base_url=address)) as env,
    ):
        env.reset()


@pytest.mark.parametrize(
    "options",
    [
        {"connect_timeout_s": 0},
        {"message_timeout_s": -1},
        {"message_timeout_s": "long"},
        {"max_message_size_mb": 0},
        {"connect_timeout_s": float("nan")},
        {"mode": "dreaming"},
    ],
    ids=repr,
)
def test_a_setting_that_cannot_work_is_named(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(options))):
        CounterEnv(base_url="http://localhost:1", **options)


@both_kinds
@pytest.mark.parametrize("hub", ["https://huggingface.co", "https://hf.co"])
def test_the_page_of_a_space_is_told_from_its_server(drive: Drive, hub: str) -> None:
    with (
        pytest.raises(ConfigurationError, match=r"page of a Space: .* base_url='https://openenv-echo-env\.hf\.space'"),
        drive(GenericEnvClient(base_url=f"{hub}/spaces/openenv/echo_env")) as env,
    ):
        env.reset()


def test_a_client_needs_an_address() -> None:
    with pytest.raises(ConfigurationError, match="expected base_url"):
        CounterEnv()


@both_kinds
def test_a_full_server_says_how_full(drive: Drive) -> None:
    with (
        serve(Counter, max_concurrent_envs=2) as server,
        drive(CounterEnv(base_url=server.base_url)) as one,
        drive(CounterEnv(base_url=server.base_url)) as two,
        drive(CounterEnv(base_url=server.base_url)) as three,
    ):
        one.reset()
        two.reset()
        with pytest.raises(SessionCapacityError) as caught:
            three.reset()
        assert (caught.value.active_sessions, caught.value.max_sessions) == (2, 2)
        two.close()
        assert three.step(Add()).observation.total == 1


@both_kinds
@pytest.mark.parametrize("v2", [True, False])
def test_what_cannot_be_read_is_an_error_of_the_request_it_answers(drive: Drive, v2: bool) -> None:
    def garbling(connection: Any) -> None:
        if v2:
            let_in(connection)
        for message in ("nonsense", "[1]", "[" * 500 + "]" * 500, b"\xff"):
            read(connection)
            connection.send(message)
            asked = read(connection)
            reply(connection, "observation", observation(7), to=asked)
        connection.recv()

    with speaking(garbling, v2=v2) as url, drive(GenericEnvClient(base_url=url, message_timeout_s=10)) as env:
        for _ in range(4):
            with pytest.raises(ProtocolError, match="the server sent"):
                env.step({})
            assert env.step({}).observation == {"total": 7}


@both_kinds
@pytest.mark.parametrize("data", [{}, {"observation": 5}, {"observation": None}, [1], None])
def test_an_answer_without_an_observation_is_a_protocol_error(drive: Drive, data: Any) -> None:
    def vague(connection: Any) -> None:
        let_in(connection)
        for _ in range(2):
            reply(connection, "observation", data, to=read(connection))
        connection.recv()

    with speaking(vague) as url, drive(GenericEnvClient(base_url=url)) as env:
        for _ in range(2):
            with pytest.raises(ProtocolError, match="expected an observation"):
                env.step({})


@both_kinds
def test_news_that_nobody_asked_for_disturb_nothing(drive: Drive) -> None:
    def chatty(connection: Any) -> None:
        let_in(connection)
        while True:
            asked = read(connection)
            reply(connection, "weather", {"sun": True})
            connection.send(json.dumps({"type": "observation", "id": 10_000, "data": observation(0)}))
            connection.ping(b"there?")
            kind = "closed" if asked["type"] == "close" else "observation"
            reply(connection, kind, observation(5), to=asked)
            if kind == "closed":
                return

    with speaking(chatty) as url, drive(GenericEnvClient(base_url=url)) as env:
        for _ in range(3):
            assert env.step({}).observation == {"total": 5}


# -- servers that die ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def processes() -> Iterator[ServerProcess]:
    process = ServerProcess()
    yield process
    process.close()


@pytest.fixture
def process(processes: ServerProcess) -> Iterator[ServerProcess]:
    processes.start()
    yield processes
    processes.stop()


@both_kinds
def test_a_killed_server_is_a_lost_session_and_no_new_episode_unasked(drive: Drive, process: ServerProcess) -> None:
    # The listener outlives the process here, so that who comes back waits for a server rather than being refused.
    client = CounterEnv(base_url=process.base_url, connect_timeout_s=30, reconnect_grace_s=0)
    with drive(client) as env:
        assert env.reset(start=5).observation.total == 5
        process.kill()
        process.start()
        for _ in range(2):
            with pytest.raises(SessionLostError, match=r"reset\(\) opens a new one"):
                env.step(Add())
            with pytest.raises(SessionLostError):
                env.state()
        assert env.reset(start=2).observation.total == 2
        assert env.step(Add()).observation.total == 3


@both_kinds
def test_a_server_that_was_started_anew_has_no_session_of_before(drive: Drive, process: ServerProcess) -> None:
    with drive(CounterEnv(base_url=process.base_url, connect_timeout_s=30)) as env:
        env.reset(start=5)
        process.kill()
        process.start()
        with pytest.raises(SessionLostError, match=r"reset\(\) opens a new one"):
            env.step(Add())
        assert env.reset(start=2).observation.total == 2


@both_kinds
def test_a_reset_after_the_server_was_started_anew_just_works(drive: Drive, process: ServerProcess) -> None:
    with drive(CounterEnv(base_url=process.base_url, connect_timeout_s=30)) as env:
        env.reset(start=5)
        process.kill()
        process.start()
        assert env.reset(start=2).observation.total == 2
        assert env.step(Add()).observation.total == 3


def test_a_closed_client_leaves_nothing_behind(server: RunningServer) -> None:
    async def play() -> set[asyncio.Task[Any]]:
        before = asyncio.all_tasks()
        async with CounterEnv(base_url=server.base_url) as env:
            await asyncio.gather(*(env.step(Add()) for _ in range(5)))
        return asyncio.all_tasks() - before

    descriptors = len(os.listdir("/dev/fd"))
    threads = threading.active_count()
    for _ in range(5):
        assert asyncio.run(play()) == set()
        with CounterEnv(base_url=server.base_url).sync() as env:
            env.step(Add())
    eventually(lambda: len(os.listdir("/dev/fd")) <= descriptors, "the descriptors being closed")
    # One thread tends all idle sync clients; it ends by itself.
    assert threading.active_count() <= threads + 2
