"""JSON-RPC as OpenEnv clients have always spoken it: by POST and by WebSocket."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import numpy as np
import pytest

from openenv.core.tools import tool
from openenv.testing import RunningServer, serve
from tests.core.worlds import Counter, Peer, sessions_of


class Tooled(Counter):
    @tool
    def add(self, amount: int) -> int:
        """Add to the counter."""
        self.total += amount
        return self.total

    @tool
    async def wait(self) -> str:
        return "waited"

    @tool
    def strange(self) -> Any:
        """Return what JSON lacks."""
        return {"nan": math.nan, "array": np.ones(2)}

    @tool
    def fail(self) -> None:
        """Raise."""
        raise LookupError("tool boom")


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    with serve(Tooled, max_concurrent_envs=3) as server:
        yield server


Ask = Callable[..., dict[str, Any]]


@pytest.fixture(params=["post", "websocket"])
def ask(request: pytest.FixtureRequest, server: RunningServer) -> Iterator[Ask]:
    """Ask by either way in: a method with its parameters, or a whole message."""
    if request.param == "post":
        with httpx.Client(base_url=server.base_url, trust_env=False) as web:

            def post(message: Any, **params: Any) -> dict[str, Any]:
                answer = web.post("/mcp", content=written(message, params))
                assert answer.status_code == 200
                told = json.loads(answer.content, parse_constant=pytest.fail)
                assert isinstance(told, dict)
                return told

            yield post
    else:
        with Peer(server.base_url, v2=False, path="/mcp") as peer:

            def send(message: Any, **params: Any) -> dict[str, Any]:
                peer.send(written(message, params))
                return peer.receive()

            yield send


def written(message: Any, params: dict[str, Any]) -> str | bytes:
    if isinstance(message, bytes) or not isinstance(message, str) or message[:1] in "{[":
        return message if isinstance(message, (str, bytes)) else json.dumps(message)
    return json.dumps({"jsonrpc": "2.0", "id": 7, "method": message, "params": params})


def test_tools_are_listed_without_a_session(ask: Ask, server: RunningServer) -> None:
    answer = ask("tools/list")
    assert answer["id"] == 7
    tools = {entry["name"]: entry for entry in answer["result"]["tools"]}
    assert tools.keys() == {"add", "wait", "strange", "fail"}
    assert tools["add"]["description"] == "Add to the counter."
    assert tools["add"]["inputSchema"]["required"] == ["amount"]
    # Older clients drop the whole list for one that is null.
    assert all(isinstance(entry["description"], str) for entry in tools.values())
    assert sessions_of(server).active_sessions == 0


def test_a_session_is_created_used_and_closed(ask: Ask, server: RunningServer) -> None:
    session_id = ask("openenv/session/create")["result"]["session_id"]
    for expected in (3, 6):
        called = ask("tools/call", name="add", arguments={"amount": 3}, session_id=session_id)["result"]
        assert called["data"] == expected
        assert called["structured_content"] == {"result": expected}
        assert called["content"][0]["text"] == str(expected)
        assert called["is_error"] is False
    assert ask("tools/call", name="wait", session_id=session_id)["result"]["data"] == "waited"
    assert ask("openenv/session/close", session_id=session_id)["result"] == {
        "session_id": session_id,
        "closed": True,
    }
    gone = ask("tools/call", name="wait", session_id=session_id)
    assert (gone["error"]["code"], gone["error"]["message"]) == (-32602, f"Unknown session_id: {session_id}")
    assert sessions_of(server).active_sessions == 0


def test_a_session_is_shared_with_the_websocket_that_attaches_to_it(ask: Ask, server: RunningServer) -> None:
    session_id = ask("openenv/session/create")["result"]["session_id"]
    for _ in range(2):
        with Peer(server.base_url, v2=False, path=f"/ws?session_id={session_id}") as peer:
            peer.send({"type": "step", "data": {"amount": 2}})
            total = peer.receive()["data"]["observation"]["total"]
            assert ask("tools/call", name="add", arguments={"amount": 1}, session_id=session_id)["result"]["data"] == (
                total + 1
            )
            with Peer(server.base_url, v2=False, path=f"/ws?session_id={session_id}") as second:
                told = second.receive()["data"]
                assert (told["code"], session_id in told["message"]) == ("SESSION_ERROR", True)
            peer.send({"type": "close"})
            peer.wait_for_end()
    assert total == 5
    assert ask("openenv/session/close", session_id=session_id)["result"]["closed"] is True


def test_closing_a_session_that_a_connection_holds_waits_for_its_end(ask: Ask, server: RunningServer) -> None:
    session_id = ask("openenv/session/create")["result"]["session_id"]
    with Peer(server.base_url, v2=False, path=f"/ws?session_id={session_id}") as peer:
        peer.send({"type": "state"})
        peer.receive()
        assert ask("openenv/session/close", session_id=session_id)["result"] == {
            "session_id": session_id,
            "closed": False,
            "closing": True,
        }
        peer.send({"type": "step", "data": {}})
        assert peer.receive()["data"]["observation"]["total"] == 1
        peer.send({"type": "close"})
        peer.wait_for_end()
    assert ask("openenv/session/close", session_id=session_id)["error"]["code"] == -32602


def test_attaching_to_a_session_that_is_not_there(server: RunningServer) -> None:
    with Peer(server.base_url, v2=False, path="/ws?session_id=nope") as peer:
        told = peer.receive()["data"]
        assert told["code"] == "SESSION_ERROR"
        assert "nope" in told["message"]
        assert peer.wait_for_end() == 1000


def test_a_full_server_says_how_full(ask: Ask) -> None:
    sessions = [ask("openenv/session/create")["result"]["session_id"] for _ in range(3)]
    for method in ("openenv/session/create", "tools/list"):
        error = ask(method)["error"]
        assert (error["code"], error["data"]) == (-32000, {"active_sessions": 3, "max_sessions": 3})
    for session_id in sessions:
        ask("openenv/session/close", session_id=session_id)


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("{", -32700),
        (b"[1]", -32600),
        (b'"tools/list"', -32600),
        ('{"method":"tools/list"}', -32600),
        ('{"jsonrpc":"1.0","id":1,"method":"tools/list"}', -32600),
        ('{"jsonrpc":"2.0","id":1}', -32600),
        ('{"jsonrpc":"2.0","id":1,"method":5}', -32600),
        ('{"jsonrpc":"2.0","id":1,"method":"tools/list","params":[1]}', -32600),
        ("sampling/createMessage", -32601),
        ("resources/list", -32601),
        (b"\xff\xfe", -32700),
    ],
    ids=repr,
)
def test_what_is_no_request_is_told_in_its_terms(ask: Ask, message: str | bytes, code: int) -> None:
    answer = ask(message)
    assert answer["jsonrpc"] == "2.0"
    # A body that is no object has been a parse error over HTTP.
    assert answer["error"]["code"] in {code, -32700 if code == -32600 else code}
    assert ask("tools/list")["result"]


@pytest.mark.parametrize(
    ("params", "code", "told"),
    [
        ({}, -32602, "name"),
        ({"name": 5}, -32602, "name"),
        ({"name": "add", "arguments": [1]}, -32602, "arguments"),
        ({"name": "nope"}, -32603, "nope"),
        ({"name": "add", "arguments": {"amount": "many"}}, -32603, "amount"),
        ({"name": "fail"}, -32603, "tool boom"),
        ({"name": "add", "session_id": "nope"}, -32602, "Unknown session_id: nope"),
    ],
    ids=repr,
)
def test_a_call_that_fails_says_why(ask: Ask, params: dict[str, Any], code: int, told: str) -> None:
    error = ask("tools/call", **params)["error"]
    assert error["code"] == code
    assert told in error["message"]


def test_results_that_json_lacks(ask: Ask) -> None:
    called = ask("tools/call", name="strange")["result"]
    assert called["data"]["array"] == [1.0, 1.0]


def test_closing_needs_a_session(ask: Ask) -> None:
    assert ask("openenv/session/close")["error"]["code"] == -32602
    assert ask("openenv/session/close", session_id="nope")["error"]["code"] == -32602
