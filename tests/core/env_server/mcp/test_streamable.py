"""`/mcp` by the official SDK's client: sessions, tools, resources, and what they share with every other way in."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import httpx
import pytest
from mcp import McpError
from mcp.types import TextContent

from openenv.core import Observation, ServerSettings, State
from openenv.core.env_server.mcp_environment import MCPEnvironment
from openenv.core.env_server.types import Action, ConcurrencyConfig, EnvironmentMetadata, ServerMode
from openenv.core.tools import tool
from openenv.testing import RunningServer, serve
from tests.core.env_server.mcp.conversing import conversing, refusal
from tests.core.env_server.replicas.served import served
from tests.core.fastmcp_import import import_fastmcp
from tests.core.worlds import Counter, Gate, Peer, eventually, sessions_of

fastmcp = import_fastmcp()


class Tooled(Counter):
    """Counts up, by steps and by tools."""

    gate = Gate()

    @tool
    def add(self, amount: int) -> dict[str, int]:
        """Add to the counter."""
        self.total += amount
        return {"total": self.total}

    @tool
    def fail(self) -> None:
        """Raise."""
        raise LookupError("tool boom")

    @tool
    async def wait(self) -> None:
        """Wait until nobody wants it any more."""
        try:
            self.gate.entered.release()
            await asyncio.Event().wait()
        finally:
            self.gate.opened.set()


class Documented(Counter):
    """Has a README."""

    def get_metadata(self) -> EnvironmentMetadata:
        return EnvironmentMetadata(name="documented", description="Counts.", readme_content="# Counting")


def _greet(name: str) -> str:
    return f"Hello, {name}"


def _fail() -> None:
    raise LookupError("nobody there")


def _picture() -> Any:
    return fastmcp.utilities.types.Image(data=b"png", format="png")


class Asking(MCPEnvironment):
    """Has the tools of a FastMCP server."""

    def __init__(self) -> None:
        server = fastmcp.FastMCP("asking")

        for function in (_greet, _fail, _picture):
            server.tool(function, name=function.__name__.removeprefix("_"))
        super().__init__(server)

    def reset(self, seed: int | None = None, episode_id: str | None = None, **kwargs: Any) -> Observation:
        return Observation()

    def _step_impl(self, action: Action, timeout_s: float | None = None, **kwargs: Any) -> Observation:
        return Observation()

    @property
    def state(self) -> State:
        return State()


_HELLO = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    with serve(Tooled, max_concurrent_envs=3) as server:
        yield server


def active(server: RunningServer) -> int:
    return sessions_of(server).active_sessions


def test_an_episode_is_played_by_the_sessions_own_operations(server: RunningServer) -> None:
    async def main() -> None:
        async with conversing(server.base_url) as talk:
            assert talk.told.protocolVersion == "2025-11-25"
            assert await talk.tools() == ["reset", "step", "state", "add", "fail", "wait"]
            begun = await talk.call("reset", start=4, episode_id="one")
            stepped = await talk.call("step", amount=2)
            added = await talk.call("add", amount=3)
            ended = await talk.call("step", amount=1)
            state = await talk.call("state")

        assert begun.structuredContent == {"observation": {"metadata": {}, "total": 4}, "reward": None, "done": False}
        assert stepped.structuredContent is not None
        assert (stepped.structuredContent["reward"], stepped.structuredContent["done"]) == (2.0, False)
        assert added.structuredContent == {"total": 9}
        assert added.meta == {"openenv/reward": None, "openenv/done": False}
        assert ended.structuredContent is not None
        assert ended.structuredContent["done"] is True
        assert state.structuredContent == {"episode_id": "one", "step_count": 3}

    asyncio.run(main())


def test_failures_are_results_that_name_the_exception(server: RunningServer) -> None:
    async def main() -> None:
        async with conversing(server.base_url) as talk:
            failures = [
                await talk.call("fail"),
                await talk.call("step", fail="step boom"),
                await talk.call("reset", start=-1),
                await talk.call("step", amount="much"),
                await talk.call("add", amuont=1),
                await talk.call("nothing"),
            ]

        assert all(failure.isError for failure in failures)
        kinds = [(failure.structuredContent or {})["error"]["type"] for failure in failures]
        expected = ["LookupError", "ArithmeticError", "ValueError", "InvalidRequestError", "invalid_args"]
        assert kinds == [*expected, "tool_not_found"]
        text = failures[0].content[0]
        assert isinstance(text, TextContent)
        assert text.text == "LookupError: tool boom"

    asyncio.run(main())


def test_a_session_ends_with_its_client_and_has_a_slot_like_any_other() -> None:
    async def main(server: RunningServer) -> None:
        async with conversing(server.base_url), conversing(server.base_url), conversing(server.base_url):
            assert active(server) == 3
            refused = await refusal(server.base_url)
            told = refused.data or {}
            assert (told["error"], told["max_sessions"]) == ("SessionCapacityError", 3)
        assert active(server) == 0

    with serve(Tooled, max_concurrent_envs=3) as server:
        asyncio.run(main(server))


def test_resources_tell_of_the_environment_and_its_state(server: RunningServer) -> None:
    async def main() -> None:
        async with conversing(server.base_url) as talk:
            listed = [str(resource.uri) for resource in (await talk.client.list_resources()).resources]
            assert listed == ["openenv://schema", "openenv://state", "openenv://session"]
            await talk.call("reset", episode_id="two")
            assert json.loads(await talk.read("openenv://state"))["episode_id"] == "two"
            assert "amount" in json.loads(await talk.read("openenv://schema"))["action"]["properties"]
            assert json.loads(await talk.read("openenv://session"))["session_id"] == talk.id
            with pytest.raises(McpError, match="no resource 'openenv://nothing'"):
                await talk.read("openenv://nothing")

    asyncio.run(main())


def test_the_readme_can_be_read_where_there_is_one() -> None:
    async def main(url: str) -> None:
        async with conversing(url) as talk:
            first = (await talk.client.list_resources()).resources[0]
            assert (str(first.uri), first.mimeType) == ("openenv://readme", "text/markdown")
            assert await talk.read("openenv://readme") == "# Counting"

    with serve(Documented) as server:
        asyncio.run(main(server.base_url))


def test_a_call_that_is_taken_back_is_interrupted(server: RunningServer) -> None:
    async def main() -> None:
        async with conversing(server.base_url) as talk:
            call = asyncio.ensure_future(talk.call("wait"))
            await asyncio.to_thread(Tooled.gate.wait_for_someone)
            # The SDK's client sends no cancellation of its own.
            session_id, version = talk.id, str(talk.told.protocolVersion)
            headers = {"Mcp-Session-Id": session_id, "MCP-Protocol-Version": version}
            headers["Accept"] = "application/json, text/event-stream"
            taken_back = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}}
            async with httpx.AsyncClient(trust_env=False) as web:
                answer = await web.post(f"{server.base_url}/mcp", json=taken_back, headers=headers)
            assert answer.status_code == 202
            assert await asyncio.to_thread(Tooled.gate.opened.wait, 30)
            with pytest.raises(McpError, match="cancelled"):
                await call
            assert not (await talk.call("add", amount=1)).isError

    asyncio.run(main())


def test_others_take_part_in_an_mcp_session_by_its_id(server: RunningServer) -> None:
    async def main() -> None:
        async with conversing(server.base_url) as talk:
            await talk.call("reset", start=1)

            def step_by_http() -> Any:
                named = {"X-Session-ID": talk.id}
                return httpx.post(f"{server.base_url}/step", json={"action": {"amount": 1}}, headers=named).json()

            assert (await asyncio.to_thread(step_by_http))["observation"]["total"] == 2

            def step_by_websocket() -> Any:
                with Peer(server.base_url, v2=False, path=f"/ws?session_id={talk.id}") as peer:
                    peer.send({"type": "step", "data": {"amount": 1}})
                    return peer.receive()

            assert (await asyncio.to_thread(step_by_websocket))["data"]["observation"]["total"] == 3
            assert (await talk.call("add", amount=1)).structuredContent == {"total": 4}

    asyncio.run(main())


def test_an_mcp_client_takes_part_in_a_session_by_its_id_and_secret(server: RunningServer) -> None:
    with Peer(server.base_url) as loop:
        opened = loop.ask("open")["data"]
        loop.ask("reset", {"start": 5})
        named = {"X-Session-ID": opened["session_id"], "X-Session-Secret": opened["secret"]}

        async def main() -> None:
            async with conversing(server.base_url, named) as talk:
                assert (await talk.call("add", amount=1)).structuredContent == {"total": 6}
            refused = await refusal(server.base_url, {**named, "X-Session-Secret": "guess"})
            assert "name no session" in refused.message

        asyncio.run(main())

        # It is the loop's session, whoever else took part.
        assert loop.ask("step", {"amount": 1})["data"]["observation"]["total"] == 7


def test_a_session_that_has_ended_is_not_found_and_a_new_one_begins(server: RunningServer) -> None:
    async def main() -> None:
        async with conversing(server.base_url) as talk:
            ended = sessions_of(server).sessions.find(talk.id)
            asked = {"jsonrpc": "2.0", "id": 1, "method": "openenv/session/close", "params": {"session_id": talk.id}}
            async with httpx.AsyncClient(trust_env=False) as web:
                closed = await web.post(f"{server.base_url}/mcp", json=asked)
                assert closed.json()["result"]["closed"] is True
                headers = {"Mcp-Session-Id": ended.id, "Accept": "application/json, text/event-stream"}
                listed = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
                answer = await web.post(f"{server.base_url}/mcp", json=listed, headers=headers)
            assert answer.status_code == 404
            assert "begin another" in answer.json()["error"]["message"]

    asyncio.run(main())


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        ({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {}}, {}, 200),
        ({"jsonrpc": "2.0", "method": "initialize", "params": _HELLO}, {}, 200),
        ({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": _HELLO}, {"Accept": "application/json"}, 406),
        ([{"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": _HELLO}], {}, 400),
        ({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {**_HELLO, "more": "x" * 2**20}}, {}, 413),
    ],
    ids=["no params", "no id", "no stream", "batch", "too long"],
)
def test_what_opens_no_session_takes_no_slot(body: Any, headers: dict[str, str], status: int) -> None:
    settings = ServerSettings(max_message_size_mb=1.0)
    with serve(Tooled, settings=settings) as server:
        accepted = {"Accept": "application/json, text/event-stream", **headers}
        answer = httpx.post(f"{server.base_url}/mcp", json=body, headers=accepted, trust_env=False)
        assert (answer.status_code, "error" in answer.json()) == (status, True)
        eventually(lambda: active(server) == 0, "the end of a session that was opened")


def test_sessions_that_nobody_uses_are_closed_and_forgotten() -> None:
    with serve(Tooled, concurrency_config=ConcurrencyConfig(session_timeout=0.1)) as server:
        hello = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": _HELLO}
        accepted = {"Accept": "application/json, text/event-stream"}
        answer = httpx.post(f"{server.base_url}/mcp", json=hello, headers=accepted, trust_env=False)
        assert '"2025-06-18"' in answer.text
        door = sessions_of(server).mcp
        assert door is not None
        eventually(lambda: active(server) == 0, "the session's end")
        eventually(lambda: door.find(answer.headers["Mcp-Session-Id"]) is None, "the MCP session's end")


def test_a_guest_that_left_is_forgotten_and_the_session_goes_on() -> None:
    with (
        serve(Tooled, concurrency_config=ConcurrencyConfig(session_timeout=0.1)) as server,
        Peer(server.base_url) as loop,
    ):
        opened = loop.ask("open")["data"]
        named = {"X-Session-ID": opened["session_id"], "X-Session-Secret": opened["secret"]}
        hello = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": _HELLO}
        accepted = {"Accept": "application/json, text/event-stream", **named}
        answer = httpx.post(f"{server.base_url}/mcp", json=hello, headers=accepted, trust_env=False)
        door = sessions_of(server).mcp
        assert door is not None
        eventually(lambda: door.find(answer.headers["Mcp-Session-Id"]) is None, "the guest's end")
        assert "data" in loop.ask("reset", {"start": 5})


def test_a_fastmcp_servers_tools_keep_their_results() -> None:
    async def main(url: str) -> None:
        async with conversing(url) as talk:
            assert await talk.tools() == ["reset", "state", "greet", "fail", "picture"]
            greeted, failed, shown = [
                await talk.call("greet", name="Ada"),
                await talk.call("fail"),
                await talk.call("picture"),
            ]

        assert greeted.structuredContent == {"result": "Hello, Ada"}
        assert failed.isError
        assert (failed.structuredContent or {})["error"]["type"] == "LookupError"
        assert (shown.content[0].type, getattr(shown.content[0], "mimeType", "")) == ("image", "image/png")

    with serve(Asking) as server:
        asyncio.run(main(server.base_url))


def test_the_client_of_fastmcp_speaks_with_it_too(server: RunningServer) -> None:
    async def main() -> None:
        async with fastmcp.Client(f"{server.base_url}/mcp") as client:
            await client.call_tool("reset", {"start": 1})
            assert (await client.call_tool("add", {"amount": 2})).data == {"total": 3}
            with pytest.raises(fastmcp.exceptions.ToolError, match="LookupError: tool boom"):
                await client.call_tool("fail", {})

    asyncio.run(main())


def test_in_production_there_are_tools_alone() -> None:
    async def main(url: str) -> None:
        async with conversing(url) as talk:
            assert await talk.tools() == ["add", "fail", "wait"]
            assert (await talk.call("add", amount=2)).structuredContent == {"total": 2}
            failed = await talk.call("fail")
            assert failed.isError
            assert (failed.structuredContent or {})["error"]["type"] == "LookupError"
            assert (await talk.call("reset")).isError
            uris = [str(resource.uri) for resource in (await talk.client.list_resources()).resources]
            assert uris == ["openenv://schema", "openenv://session"]

    with serve(Tooled, mode=ServerMode.PRODUCTION) as server:
        asyncio.run(main(server.base_url))


def test_who_may_not_come_in_is_refused() -> None:
    settings = ServerSettings(auth_tokens=("let-me-in",))
    with serve(Tooled, settings=settings) as server:
        refused = httpx.post(f"{server.base_url}/mcp", json={"method": "initialize"}, trust_env=False)
        assert refused.status_code == 401

        async def main() -> None:
            async with conversing(server.base_url, {"Authorization": "Bearer let-me-in"}) as talk:
                assert await talk.tools()

        asyncio.run(main())


@pytest.mark.lengthy
def test_64_sessions_at_once_each_have_their_own_episode() -> None:
    async def play(url: str, number: int, together: Callable[[], Awaitable[None]]) -> Any:
        async with conversing(url) as talk:
            await talk.call("reset", start=number)
            await together()
            return (await talk.call("add", amount=1)).structuredContent

    async def main(server: RunningServer) -> None:
        arrived, all_there = 0, asyncio.Event()

        async def together() -> None:
            nonlocal arrived
            arrived += 1
            if arrived == 64:
                all_there.set()
            await all_there.wait()
            assert active(server) == 64

        totals = await asyncio.gather(*(play(server.base_url, number, together) for number in range(64)))
        assert totals == [{"total": number + 1} for number in range(64)]

    with serve(Tooled, max_concurrent_envs=64) as server:
        asyncio.run(main(server))
        assert active(server) == 0


@pytest.mark.lengthy
def test_several_processes_are_one_server_to_mcp_clients() -> None:
    told: list[str | None] = []

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        told.append(message)

    async def main(url: str) -> None:
        async with conversing(url) as first, conversing(url) as second, conversing(url) as third:
            calls = [each.client for each in (first, second, third) for _ in range(3)]
            results = [await client.call_tool("where", {}, progress_callback=hear) for client in calls]
        places = [(result.structuredContent or {})["result"] for result in results]
        assert places[0:3] == [places[0]] * 3
        assert places[3:6] == [places[3]] * 3
        assert len(set(places)) == 2
        assert told == [str(place) for place in places]

    with served(workers=2) as server:
        asyncio.run(main(server.base_url))
        assert server.get("/sessions")["active_sessions"] == 0


def test_without_the_sdk_mcp_clients_are_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("openenv.core.env_server.mcp.")]:
        monkeypatch.delitem(sys.modules, name)
    # The other comes with it.
    for name in ("mcp.types", *(name for name in sys.modules if name.partition(".")[0] == "jsonschema")):
        monkeypatch.setitem(sys.modules, name, None)
    with serve(Tooled) as server, httpx.Client(base_url=server.base_url, trust_env=False) as web:
        refused = web.post("/mcp", json={"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {}}).json()
        bare = web.post("/mcp", json={"jsonrpc": "2.0", "id": 2, "method": "tools/list", "params": {}}).json()

    assert "pip install 'openenv-core[mcp]'" in refused["error"]["message"]
    assert [tool["name"] for tool in bare["result"]["tools"]] == ["add", "fail", "wait"]
