"""The HTTP interface by hand, on both servers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosedOK
from websockets.sync.client import connect

from .conftest import Urls

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(params=["peer", "ours"])
def server(request: pytest.FixtureRequest, servers: dict[str, Urls]) -> Urls:
    return servers[request.param]


@pytest.fixture(scope="module")
def http() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=30, trust_env=False) as client:
        yield client


def test_health(http: httpx.Client, server: Urls) -> None:
    assert http.get(server["counter"] + "/health").json() == {"status": "healthy"}


def test_metadata(http: httpx.Client, server: Urls) -> None:
    metadata = http.get(server["published"] + "/metadata").json()
    assert (metadata["name"], metadata["version"], metadata["author"]) == ("Grid", "2.1.0", "Someone")


def test_schemas(http: httpx.Client, server: Urls) -> None:
    schema = http.get(server["published"] + "/schema").json()
    assert schema["action"]["properties"]["squares"]["maximum"] == 3
    assert set(schema["action"]["required"]) == {"direction"}
    assert {"position", "legal", "note", "reward", "done", "metadata"} <= set(schema["observation"]["properties"])
    assert schema["reset_observation"]["properties"].keys() == schema["observation"]["properties"].keys()
    assert {"episode_id", "step_count"} <= set(schema["state"]["properties"])


def test_the_environment_is_listed(http: httpx.Client, server: Urls) -> None:
    assert http.get(server["counter"] + "/list_environments").json() == ["counter"]


@pytest.mark.parametrize("body", [None, {}], ids=["no body", "an empty one"])
def test_a_reset_without_arguments(http: httpx.Client, server: Urls, body: dict[str, Any] | None) -> None:
    answer = (
        http.post(server["counter"] + "/reset", json=body)
        if body is not None
        else http.post(server["counter"] + "/reset")
    )
    assert answer.status_code == 200
    assert answer.json() == {
        "observation": {"metadata": {}, "heard": "ready", "total": 0, "history": []},
        "reward": None,
        "done": False,
        "metadata": None,
    }


def test_a_reset_with_arguments(http: httpx.Client, server: Urls) -> None:
    answer = http.post(server["counter"] + "/reset", json={"seed": 4, "episode_id": "e", "start": 2}).json()
    assert (answer["observation"]["total"], answer["metadata"]) == (2, {"seed": 4})


def test_a_step(http: httpx.Client, server: Urls) -> None:
    http.post(server["counter"] + "/reset", json={})
    answer = http.post(server["counter"] + "/step", json={"action": {"text": "a", "amount": 2}, "timeout_s": 30.0})
    assert answer.status_code == 200
    assert answer.json() == {
        "observation": {"metadata": {}, "heard": "a", "total": 2, "history": [{"text": "a", "amount": 2}]},
        "reward": 2.0,
        "done": False,
        "metadata": None,
    }


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/reset", {"seed": "many"}),
        ("/reset", [1]),
        ("/step", {"action": {"text": "a", "speed": 1}}),
        ("/step", {"action": {}}),
        ("/step", {"text": "a"}),
    ],
    ids=str,
)
def test_what_is_not_valid_is_unprocessable(http: httpx.Client, server: Urls, path: str, body: object) -> None:
    answer = http.post(server["counter"] + path, json=body)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/json"


def test_an_exception_is_an_internal_error(http: httpx.Client, server: Urls) -> None:
    body = {"action": {"text": "a", "amount": 100}}
    assert http.post(server["counter"] + "/step", json=body).status_code == 500


def test_production_mode_leaves_out_the_episode(http: httpx.Client, server: Urls) -> None:
    url = server["production"]
    assert http.get(url + "/health").status_code == 200
    assert http.get(url + "/state").status_code == 404
    assert http.post(url + "/reset", json={}).status_code == 404
    assert http.post(url + "/step", json={"action": {"text": "a"}}).status_code == 404


def test_our_server_keeps_the_episode_between_requests(http: httpx.Client, ours: Urls) -> None:
    headers = {"X-Session-ID": http.post(ours["published"] + "/reset", json={}).headers["X-Session-ID"]}
    step = http.post(ours["published"] + "/step", json={"action": {"direction": "right"}}, headers=headers)
    assert step.json()["observation"]["position"] == [1, 0]
    assert http.get(ours["published"] + "/state", headers=headers).json()["step_count"] == 1


class Rpc:
    """Bare JSON-RPC, posted to one server's `/mcp`."""

    def __init__(self, http: httpx.Client, url: str) -> None:
        self.http = http
        self.url = url

    def __call__(self, method: str, **params: Any) -> Any:
        answer = self.http.post(
            self.url + "/mcp", json={"jsonrpc": "2.0", "id": 11, "method": method, "params": params}
        )
        assert answer.status_code == 200
        body = answer.json()
        assert (body["jsonrpc"], body["id"]) == ("2.0", 11)
        return body.get("result", body.get("error"))


@pytest.fixture(params=["peer", "ours", "fastmcp"])
def tools_url(request: pytest.FixtureRequest, servers: dict[str, Urls]) -> str:
    return servers[request.param]["tools"]


@pytest.fixture
def rpc(http: httpx.Client, tools_url: str) -> Rpc:
    return Rpc(http, tools_url)


def test_tools_are_listed(rpc: Rpc) -> None:
    tools = {tool["name"]: tool for tool in rpc("tools/list")["tools"]}
    assert sorted(tools) == ["add", "fail", "remember", "shout"]
    assert tools["add"]["description"] == "Add two numbers."
    assert sorted(tools["add"]["inputSchema"]["properties"]) == ["a", "b"]
    assert tools["add"]["inputSchema"]["required"] == ["a"]


def test_tools_are_called(rpc: Rpc) -> None:
    result = rpc("tools/call", name="add", arguments={"a": 2})
    assert result["data"] == 3
    assert (result["content"][0]["type"], result["content"][0]["text"]) == ("text", "3")


@pytest.mark.parametrize(
    ("method", "params", "code"),
    [
        ("nonsense", {}, -32601),
        ("tools/call", {}, -32602),
        ("tools/call", {"name": "add", "arguments": {"a": 1}, "session_id": "nobody"}, -32602),
        ("openenv/session/close", {}, -32602),
        ("openenv/session/close", {"session_id": "nobody"}, -32602),
    ],
    ids=str,
)
def test_a_bad_call_has_its_code(rpc: Rpc, method: str, params: dict[str, Any], code: int) -> None:
    assert rpc(method, **params)["code"] == code


@pytest.mark.parametrize(
    ("name", "arguments", "told"),
    [("fail", {"text": "x"}, "too far: x"), ("whisper", {}, "whisper"), ("add", {"a": "many"}, "integer")],
)
def test_a_failed_call_says_why(rpc: Rpc, name: str, arguments: dict[str, Any], told: str) -> None:
    error = rpc("tools/call", name=name, arguments=arguments)
    assert isinstance(error["code"], int)
    assert told in error["message"]


def test_what_is_no_json_is_a_parse_error(http: httpx.Client, tools_url: str) -> None:
    answer = http.post(tools_url + "/mcp", content="{bad", headers={"content-type": "application/json"})
    assert answer.json()["error"]["code"] == -32700


def test_a_session_outlives_its_websocket_and_ends_when_closed(rpc: Rpc) -> None:
    session_id = rpc("openenv/session/create")["session_id"]
    assert rpc("tools/call", name="remember", arguments={"text": "a"}, session_id=session_id)["data"] == {"kept": ["a"]}
    address = f"{rpc.url.replace('http://', 'ws://')}/ws?session_id={session_id}"
    with connect(address) as socket:
        call = {"type": "call_tool", "tool_name": "remember", "arguments": {"text": "b"}}
        socket.send(json.dumps({"type": "step", "data": call}))
        assert json.loads(socket.recv())["data"]["observation"]["error"] is None
        socket.send(json.dumps({"type": "close"}))
        with pytest.raises(ConnectionClosedOK):
            socket.recv()
    kept = rpc("tools/call", name="remember", arguments={"text": "c"}, session_id=session_id)
    assert kept["data"] == {"kept": ["a", "b", "c"]}
    assert rpc("openenv/session/close", session_id=session_id) == {"session_id": session_id, "closed": True}
    assert rpc("tools/call", name="add", arguments={"a": 1}, session_id=session_id)["code"] == -32602


def test_a_session_that_nobody_made_cannot_be_attached_to(tools_url: str) -> None:
    with connect(f"{tools_url.replace('http://', 'ws://')}/ws?session_id=nobody") as socket:
        refusal = json.loads(socket.recv())
        assert (refusal["type"], refusal["data"]["code"]) == ("error", "SESSION_ERROR")
        with pytest.raises(ConnectionClosedOK):
            socket.recv()
