"""MCP clients whose connection broke ask for what they missed."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from mcp.server.streamable_http import EventMessage
from mcp.types import JSONRPCMessage

from openenv.core.env_server.mcp.replay import Replay
from openenv.core.tools import tool
from openenv.testing import RunningServer, serve
from tests.core.worlds import Counter

_HEADERS = {"Accept": "application/json, text/event-stream", "MCP-Protocol-Version": "2025-11-25"}


class Slow(Counter):
    """Has a tool that waits for a word."""

    word = threading.Event()
    calls = 0

    @tool
    def wait(self) -> int:
        Slow.calls += 1
        assert Slow.word.wait(60)
        return Slow.calls


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    with serve(Slow) as server:
        yield server


@pytest.fixture
def web(server: RunningServer) -> Iterator[httpx.Client]:
    """Return what asks in an MCP session."""
    params = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
    with httpx.Client(base_url=server.base_url, headers=_HEADERS, timeout=60, trust_env=False) as web:
        opened = web.post("/mcp", json=_asking("initialize", params))
        web.headers["Mcp-Session-Id"] = opened.headers["Mcp-Session-Id"]
        web.post("/mcp", json={"jsonrpc": "2.0", "method": "notifications/initialized"})
        yield web
        web.delete("/mcp")


def _asking(method: str, params: dict[str, Any], number: int = 0) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": number, "method": method, "params": params}


def _message(number: int | None, text: str = "") -> JSONRPCMessage:
    """Return the answer to a request, or a notification."""
    if number is None:
        return JSONRPCMessage.model_validate({"jsonrpc": "2.0", "method": "notifications/message", "params": {}})
    result = {"content": [{"type": "text", "text": text}]}
    return JSONRPCMessage.model_validate({"jsonrpc": "2.0", "id": number, "result": result})


def _begun(web: httpx.Client, number: int) -> str:
    """Call the tool, break the connection at the first event, and return that event's id."""
    asked = _asking("tools/call", {"name": "wait", "arguments": {}}, number)
    with web.stream("POST", "/mcp", json=asked) as stream:
        first = next(line for line in stream.iter_lines() if line.startswith("id:"))
    return first.removeprefix("id:").strip()


def _answer(lines: Iterator[str]) -> dict[str, Any]:
    found = next(line for line in lines if line.startswith("data:") and "jsonrpc" in line)
    told: dict[str, Any] = json.loads(found.removeprefix("data:"))
    return told


@pytest.mark.parametrize("is_done_before", [True, False])
def test_the_answer_to_a_call_is_had_after_the_connection_broke(web: httpx.Client, is_done_before: bool) -> None:
    Slow.word.clear()
    before, number = Slow.calls, int(is_done_before)
    last = _begun(web, number)
    if is_done_before:
        Slow.word.set()
        # Answered in turn: after the tool.
        web.post("/mcp", json=_asking("tools/call", {"name": "state", "arguments": {}}, 10))
    with web.stream("GET", "/mcp", headers={"Last-Event-ID": last}) as stream:
        Slow.word.set()
        told = _answer(stream.iter_lines())
    assert (told["id"], told["result"]["structuredContent"]) == (number, {"result": before + 1})
    assert Slow.calls == before + 1


def test_an_event_that_is_not_known_gives_an_empty_stream(web: httpx.Client) -> None:
    told = web.get("/mcp", headers={"Last-Event-ID": "nothing"})
    assert (told.status_code, told.text.strip()) == (200, "")


def test_each_stream_has_its_own_events() -> None:
    async def main() -> None:
        replay = Replay()
        first = await replay.store_event("1", None)
        await replay.store_event("2", _message(2))
        told = await replay.store_event("1", _message(None))
        sent: list[EventMessage] = []

        async def send(event: EventMessage) -> None:
            sent.append(event)

        waiting = asyncio.ensure_future(replay.replay_events_after(first, send))
        await asyncio.sleep(0)
        assert [event.event_id for event in sent] == [told]
        # What comes while somebody waits is not lost, and the answer ends the stream.
        more = await replay.store_event("1", _message(None))
        await replay.store_event("2", _message(2))
        last = await replay.store_event("1", _message(1))
        await waiting
        assert [event.event_id for event in sent] == [told, more, last]
        await replay.replay_events_after(last, send)
        waiting = asyncio.ensure_future(replay.replay_events_after(await replay.store_event("3", None), send))
        await asyncio.sleep(0)
        replay.end()
        await waiting
        assert len(sent) == 3

    asyncio.run(main())


@pytest.mark.parametrize(("text", "kept"), [("", 256), ("x" * 2**20, 4), ("x" * 2**23, 1)])
def test_no_more_is_kept_than_takes_little_memory(text: str, kept: int) -> None:
    async def main() -> int:
        replay = Replay()
        ids = [await replay.store_event(str(number), _message(number, text)) for number in range(300)]
        await replay.replay_events_after(ids[0], send)
        return len(replay._events)

    async def send(event: EventMessage) -> None:
        raise AssertionError("nothing came after it")

    assert asyncio.run(main()) == kept
