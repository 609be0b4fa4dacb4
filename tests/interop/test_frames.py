"""Version 1 of the protocol by hand: the same frames get the same answers from both servers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosedOK
from websockets.sync.client import ClientConnection, connect

from .conftest import Urls

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(params=["peer", "ours"])
def server(request: pytest.FixtureRequest, servers: dict[str, Urls]) -> Urls:
    return servers[request.param]


@contextmanager
def connected(url: str, path: str = "/ws", **options: Any) -> Iterator[ClientConnection]:
    with connect(url.replace("http://", "ws://") + path, **options) as socket:
        yield socket


def ask(socket: ClientConnection, frame: object) -> Any:
    socket.send(frame if isinstance(frame, str) else json.dumps(frame))
    return json.loads(socket.recv())


def error_code(answer: Any) -> str:
    assert answer["type"] == "error"
    assert isinstance(answer["data"]["message"], str)
    code = answer["data"]["code"]
    assert isinstance(code, str)
    return code


def test_an_episode(server: Urls) -> None:
    with connected(server["counter"]) as socket:
        assert ask(socket, {"type": "reset", "data": {"seed": 3, "episode_id": "e"}}) == {
            "type": "observation",
            "data": {
                "observation": {"metadata": {"seed": 3}, "heard": "ready", "total": 0, "history": []},
                "reward": None,
                "done": False,
                "metadata": {"seed": 3},
            },
        }
        assert ask(socket, {"type": "step", "data": {"text": "a", "amount": 10}}) == {
            "type": "observation",
            "data": {
                "observation": {
                    "metadata": {},
                    "heard": "a",
                    "total": 10,
                    "history": [{"text": "a", "amount": 10}],
                },
                "reward": 10.0,
                "done": True,
            },
        }
        assert ask(socket, {"type": "state"}) == {
            "type": "state",
            "data": {"episode_id": "e", "step_count": 1, "total": 10},
        }


def test_a_reset_needs_no_data_and_a_state_no_reset(server: Urls) -> None:
    with connected(server["counter"]) as socket:
        assert ask(socket, {"type": "state"})["data"]["episode_id"] == "unset"
        assert ask(socket, {"type": "reset"})["data"]["observation"]["heard"] == "ready"


def test_a_step_may_come_before_any_reset(server: Urls) -> None:
    with connected(server["counter"]) as socket:
        assert ask(socket, {"type": "step", "data": {"text": "early"}})["data"]["observation"]["total"] == 1


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ("{bad", "INVALID_JSON"),
        ("", "INVALID_JSON"),
        ({"type": "nonsense"}, "UNKNOWN_TYPE"),
        ({"data": {}}, "UNKNOWN_TYPE"),
        ({"type": 5}, "UNKNOWN_TYPE"),
        ({"type": "step"}, "VALIDATION_ERROR"),
        ({"type": "step", "data": []}, "VALIDATION_ERROR"),
        ({"type": "step", "data": {}}, "VALIDATION_ERROR"),
        ({"type": "step", "data": {"text": "x", "amount": "many"}}, "VALIDATION_ERROR"),
        ({"type": "step", "data": {"text": "x", "speed": 1}}, "VALIDATION_ERROR"),
        ({"type": "reset", "data": []}, "VALIDATION_ERROR"),
        ({"type": "reset", "data": {"episode_id": 5}}, "VALIDATION_ERROR"),
        ({"type": "reset", "extra": 1}, "VALIDATION_ERROR"),
        ({"type": "step", "data": {"text": "x", "amount": 100}}, "EXECUTION_ERROR"),
    ],
    ids=str,
)
def test_a_bad_frame_gets_its_code_and_the_session_goes_on(server: Urls, frame: object, code: str) -> None:
    with connected(server["counter"]) as socket:
        assert ask(socket, {"type": "step", "data": {"text": "kept"}})["type"] == "observation"
        assert error_code(ask(socket, frame)) == code
        assert ask(socket, {"type": "state"})["data"]["total"] == 1


@pytest.mark.parametrize("frame", ["[1, 2]", "5", "null", '"text"'])
def test_a_frame_that_is_no_object_does_not_end_our_session(ours: Urls, frame: str) -> None:
    with connected(ours["counter"]) as socket:
        assert ask(socket, {"type": "step", "data": {"text": "kept"}})["type"] == "observation"
        assert ask(socket, frame)["type"] == "error"
        assert ask(socket, {"type": "state"})["data"]["total"] == 1


def test_an_unknown_reset_argument_names_those_that_are_known(ours: Urls) -> None:
    with connected(ours["bare"]) as socket:
        answer = ask(socket, {"type": "reset", "data": {"seed": 1, "episode_id": "e", "level": 3}})
        assert error_code(answer) == "VALIDATION_ERROR"
        assert "level" in answer["data"]["message"]
        assert ask(socket, {"type": "reset", "data": {"seed": 1, "episode_id": "e"}})["type"] == "observation"


def test_a_close_frame_is_answered_by_closing(server: Urls) -> None:
    with connected(server["counter"]) as socket:
        socket.send(json.dumps({"type": "close"}))
        with pytest.raises(ConnectionClosedOK):
            socket.recv()


def test_a_full_server_says_so_at_once(server: Urls) -> None:
    with connected(server["solo"]) as first:
        ask(first, {"type": "reset"})
        with connected(server["solo"]) as second:
            refusal = json.loads(second.recv())
            assert error_code(refusal) == "CAPACITY_REACHED"
            assert (refusal["data"]["active_sessions"], refusal["data"]["max_sessions"]) == (1, 1)
            with pytest.raises(ConnectionClosedOK):
                second.recv()
        assert ask(first, {"type": "state"})["type"] == "state"
        first.send(json.dumps({"type": "close"}))
        with pytest.raises(ConnectionClosedOK):
            first.recv()
    # The next test of this app must find it free.
    while True:
        with connected(server["solo"]) as third:
            third.send(json.dumps({"type": "state"}))
            if json.loads(third.recv())["type"] == "state":
                break


def test_a_constructor_that_raises_is_told_at_once(server: Urls) -> None:
    with connected(server["broken"]) as socket:
        refusal = json.loads(socket.recv())
        assert error_code(refusal) == "FACTORY_ERROR"
        assert refusal["data"]["factory_name"] == "BrokenEnvironment"
        with pytest.raises(ConnectionClosedOK):
            socket.recv()


def test_a_subprotocol_that_nobody_knows_is_not_chosen(server: Urls) -> None:
    with connected(server["counter"], subprotocols=["unheard.of.v9"]) as socket:
        assert socket.subprotocol is None
        assert ask(socket, {"type": "reset"})["type"] == "observation"


def test_production_mode_keeps_the_websocket(server: Urls) -> None:
    """For tools; that ours refuses episodes there is on purpose."""
    with connected(server["production"]) as socket:
        assert ask(socket, {"type": "mcp", "data": rpc("tools/list")})["type"] == "mcp"


def rpc(method: str, number: int = 1, **params: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": number, "method": method, "params": params}


def test_mcp_frames_reach_the_session_that_steps_reach(server: Urls) -> None:
    with connected(server["tools"]) as socket:
        call = {"type": "call_tool", "tool_name": "remember", "arguments": {"text": "a"}}
        assert ask(socket, {"type": "step", "data": call})["data"]["observation"]["tool_name"] == "remember"
        answer = ask(socket, {"type": "mcp", "data": rpc("tools/call", 2, name="remember", arguments={"text": "b"})})
        assert (answer["type"], answer["data"]["id"]) == ("mcp", 2)
        assert answer["data"]["result"]["data"] == {"kept": ["a", "b"]}


def test_an_environment_without_tools_answers_mcp_frames(server: Urls) -> None:
    with connected(server["counter"]) as socket:
        answer = ask(socket, {"type": "mcp", "data": rpc("tools/call", 4, name="x", arguments={})})
        assert (answer["type"], answer["data"]["id"]) == ("mcp", 4)
        assert isinstance(answer["data"]["error"]["code"], int)


def test_mcp_has_a_websocket_of_its_own(server: Urls) -> None:
    with connected(server["tools"], "/mcp") as socket:
        names = [tool["name"] for tool in ask(socket, rpc("tools/list"))["result"]["tools"]]
        assert sorted(names) == ["add", "fail", "remember", "shout"]
        assert ask(socket, rpc("tools/call", 7, name="add", arguments={"a": 1, "b": 2}))["result"]["data"] == 3
        assert ask(socket, "{bad")["error"]["code"] == -32700
        assert ask(socket, rpc("nonsense"))["error"]["code"] == -32601
