"""The echo environment, as its users meet it: over a real server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from importlib.metadata import entry_points

import httpx
import pytest

from echo_env import EchoAction, EchoEnv, EchoObservation
from echo_env.server.echo_environment import EchoEnvironment
from openenv.core.containers.runtime import LocalProcessProvider
from openenv.core.exceptions import InvalidRequestError, SessionCapacityError, ToolCallError

SESSIONS = 64


@pytest.fixture
def own_echo_url() -> Iterator[str]:
    """Return the address of a server that no other test has a session on."""
    with LocalProcessProvider("echo_env") as server:
        yield server.base_url


def test_a_reset_says_that_the_environment_is_ready(echo_url: str) -> None:
    with EchoEnv(base_url=echo_url).sync() as env:
        result = env.reset()

    assert result.observation == EchoObservation(echoed_message="Echo environment ready!")
    assert (result.reward, result.done) == (None, False)


@pytest.mark.parametrize(
    ("message", "reward"), [("Hello, World!", 1.3), ("", 0.0), ("abc", 0.3), ("Grüße aus 東京", 1.2), ("a\n\0b", 0.4)]
)
def test_a_message_comes_back_and_earns_a_tenth_for_each_character(message: str, reward: float, echo_url: str) -> None:
    with EchoEnv(base_url=echo_url).sync() as env:
        env.reset()
        result = env.step(EchoAction(message=message))

    assert result.observation.echoed_message == message
    assert result.observation.message_length == len(message)
    assert result.reward == result.observation.reward == reward
    assert not result.done


def test_the_state_counts_steps_and_tool_calls_of_an_episode(echo_url: str) -> None:
    with EchoEnv(base_url=echo_url).sync() as env:
        env.reset(episode_id="one")
        env.step(EchoAction(message="a"))
        env.call_tool("echo_message", message="b")
        assert (env.state().episode_id, env.state().step_count) == ("one", 2)

        env.reset()
        assert env.state().episode_id not in {None, "", "one"}
        assert env.state().step_count == 0


def test_the_tools_say_messages_back(echo_url: str) -> None:
    with EchoEnv(base_url=echo_url).sync() as env:
        env.reset()

        assert [tool.name for tool in env.list_tools()] == ["echo_message", "echo_with_length"]
        assert env.call_tool("echo_message", message="Hello!") == "Hello!"
        assert env.call_tool("echo_with_length", message="Hello!") == {"message": "Hello!", "length": 6}


def test_the_tools_describe_their_arguments(echo_url: str) -> None:
    with EchoEnv(base_url=echo_url).sync() as env:
        tools = env.list_tools()

    for tool in tools:
        assert tool.description.startswith("Say a message back")
        assert tool.input_schema["required"] == ["message"]
        assert tool.input_schema["properties"]["message"]["type"] == "string"


def test_mistakes_are_told_and_the_episode_goes_on(echo_url: str) -> None:
    with EchoEnv(base_url=echo_url).sync() as env:
        env.reset()
        with pytest.raises(InvalidRequestError, match="message"):
            env.step({"massage": "Hello!"})  # type: ignore[arg-type]
        with pytest.raises(InvalidRequestError, match="does not take 'difficulty'"):
            env.reset(difficulty=3)
        with pytest.raises(ToolCallError, match="echo_massage"):
            env.call_tool("echo_massage", message="Hello!")

        assert env.step(EchoAction(message="Hello!")).reward == 0.6
        # The tool call that failed was a step too.
        assert env.state().step_count == 2


async def _play(url: str, name: str, steps: int, everybody_there: _Gate) -> tuple[str, list[str]]:
    """Return where an episode stood at its end, and what its steps said."""
    async with EchoEnv(base_url=url) as env:
        await env.reset(episode_id=name)
        await everybody_there.come()
        results = [await env.step(EchoAction(message=f"{name}:{step}")) for step in range(steps)]
        state = await env.state()
        await everybody_there.come()
        return f"{state.episode_id} {state.step_count}", [result.observation.echoed_message for result in results]


class _Gate:
    """Opens when a number of tasks have come to it, then closes behind them."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._waiting: list[asyncio.Future[None]] = []

    async def come(self) -> None:
        self._waiting.append(asyncio.get_running_loop().create_future())
        if len(self._waiting) < self._size:
            await self._waiting[-1]
        else:
            waiting, self._waiting = self._waiting, []
            for future in waiting:
                future.set_result(None)


def test_64_sessions_at_a_time_know_nothing_of_each_other(own_echo_url: str) -> None:
    async def play_all() -> list[tuple[str, list[str]]]:
        gate = _Gate(SESSIONS)
        return await asyncio.gather(*(_play(own_echo_url, f"e{n}", 1 + n % 4, gate) for n in range(SESSIONS)))

    for n, (state, echoes) in enumerate(asyncio.run(play_all())):
        assert state == f"e{n} {1 + n % 4}"
        assert echoes == [f"e{n}:{step}" for step in range(1 + n % 4)]


def test_a_65th_session_is_told_that_the_server_is_full(own_echo_url: str) -> None:
    async def fill() -> None:
        clients = [EchoEnv(base_url=own_echo_url) for _ in range(SESSIONS)]
        await asyncio.gather(*(client.connect() for client in clients))
        with pytest.raises(SessionCapacityError) as caught:
            await EchoEnv(base_url=own_echo_url).connect()
        assert (caught.value.active_sessions, caught.value.max_sessions) == (SESSIONS, SESSIONS)
        await asyncio.gather(*(client.close() for client in clients))

    asyncio.run(fill())


def test_plain_http_keeps_an_episode(echo_url: str) -> None:
    with httpx.Client(base_url=echo_url, trust_env=False) as http:
        began = http.post("/reset")
        assert began.json()["observation"]["echoed_message"] == "Echo environment ready!"
        for message in ("Hello, World!", "again"):
            stepped = http.post("/step", json={"action": {"message": message}}).json()
            assert stepped["observation"]["echoed_message"] == message
        assert stepped["reward"] == 0.5
        assert http.get("/state").json()["step_count"] == 2


def test_http_sessions_are_kept_apart_by_their_header(echo_url: str) -> None:
    with httpx.Client(base_url=echo_url, trust_env=False) as http:
        for name, steps in (("alice", 2), ("bob", 1)):
            header = {"X-Session-ID": name}
            assert http.post("/reset", headers=header, json={"episode_id": name}).headers["X-Session-ID"] == name
            for _ in range(steps):
                http.post("/step", headers=header, json={"action": {"message": name}})

        states = [http.get("/state", headers={"X-Session-ID": name}).json() for name in ("alice", "bob")]
    assert states == [{"episode_id": "alice", "step_count": 2}, {"episode_id": "bob", "step_count": 1}]


def test_it_says_what_it_is(echo_url: str) -> None:
    with httpx.Client(base_url=echo_url, trust_env=False) as http:
        assert http.get("/metadata").json()["name"] == "echo_env"
        schema = http.get("/schema").json()

    assert schema["action"]["required"] == ["message"]
    assert set(schema["reset"]["properties"]) == {"seed", "episode_id"}


def test_it_runs_in_this_process_too() -> None:
    with EchoEnv.from_environment(EchoEnvironment).sync() as env:
        env.reset()
        assert env.step(EchoAction(message="Hello, World!")).reward == 1.3
        assert env.call_tool("echo_message", message="Hello!") == "Hello!"


def test_it_is_found_by_its_entry_point() -> None:
    found = {entry.name: entry.value for entry in entry_points(group="openenv.environments")}

    assert found["echo_env"] == "echo_env"
