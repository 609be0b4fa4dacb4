from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from openenv.core.env_server.settings import ServerSettings
from openenv.testing import RunningServer, serve
from tests.core.worlds import Add, Count, Counter, Gate, eventually, opened, sessions_of


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    with serve(Counter, settings=ServerSettings(max_message_size_mb=0.1)) as server:
        yield server


@pytest.fixture
def web(server: RunningServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.base_url, trust_env=False) as web:
        yield web


def named(name: str) -> dict[str, str]:
    return {"X-Session-ID": name}


# -- an episode ------------------------------------------------------------------------------------------------------


def test_plain_curl_plays_an_episode(web: httpx.Client) -> None:
    first = web.post("/reset")
    assert first.status_code == 200
    assert first.headers["X-Session-ID"] == "default"
    assert first.json() == {
        "observation": {"metadata": {}, "total": 0},
        "reward": None,
        "done": False,
        "metadata": None,
    }
    web.post("/step", json={"action": {"amount": 4}})
    second = web.post("/step", json={"action": {"amount": 6}})
    assert second.json() == {
        "observation": {"metadata": {}, "total": 10},
        "reward": 6.0,
        "done": True,
        "metadata": None,
    }
    assert web.get("/state").json() == {"episode_id": None, "step_count": 2}


def test_sessions_are_told_apart_by_their_header(web: httpx.Client) -> None:
    for name, start in (("a", 1), ("b", 5)):
        answer = web.post("/reset", json={"start": start, "episode_id": name}, headers=named(name))
        assert answer.headers["X-Session-ID"] == name
    assert web.post("/step", json={"action": {}}, headers=named("a")).json()["observation"]["total"] == 2
    assert web.post("/step", json={"action": {}}, headers=named("b")).json()["observation"]["total"] == 6
    assert web.get("/state", headers=named("b")).json()["episode_id"] == "b"


def test_a_reset_goes_on_with_the_session_it_names(web: httpx.Client, server: RunningServer) -> None:
    web.post("/reset", headers=named("again"))
    before = sessions_of(server).active_sessions
    assert web.post("/reset", json={"start": 3}, headers=named("again")).json()["observation"]["total"] == 3
    assert sessions_of(server).active_sessions == before


def test_a_step_or_a_look_before_any_reset() -> None:
    with serve(Counter) as server, httpx.Client(base_url=server.base_url) as web:
        assert web.get("/state").json()["step_count"] == 0
        assert web.post("/step", json={"action": {"amount": 2}}).json()["observation"]["total"] == 2


@pytest.mark.parametrize("method", ["POST /step", "GET /state"])
def test_an_unknown_session_is_404(web: httpx.Client, method: str) -> None:
    verb, path = method.split()
    answer = web.request(verb, path, headers=named("never-opened"), json={"action": {}} if verb == "POST" else None)
    assert answer.status_code == 404
    assert answer.json()["detail"]["session_id"] == "never-opened"
    assert "reset" in answer.json()["detail"]["message"]


@pytest.mark.parametrize("name", ["", "a b", "ü".encode().decode("latin-1"), "x" * 129, "../x", "a/b"])
def test_a_name_that_is_none_is_refused(web: httpx.Client, name: str) -> None:
    answer = web.post("/reset", headers={b"X-Session-ID": name.encode("latin-1")})
    assert answer.status_code == 422
    assert "X-Session-ID" in answer.json()["detail"]["message"]


def test_the_session_of_a_connection_cannot_be_taken_by_its_id_alone(server: RunningServer, web: httpx.Client) -> None:
    with opened(server.base_url) as peer:
        peer.ask("step", {"amount": 5})
        session_id = next(
            session.id for session in sessions_of(server).sessions.sessions() if session.holder is not None
        )
        assert web.post("/reset", headers=named(session_id)).status_code == 404
        assert web.post("/step", json={"action": {}}, headers=named(session_id)).status_code == 404
        assert web.get("/state", headers=named(session_id)).status_code == 404
        assert peer.ask("step", {"amount": 1})["data"]["observation"]["total"] == 6


def test_a_deadline_reaches_the_environment() -> None:
    class Telling(Counter):
        def step(self, action: Add, timeout_s: float | None = None, **kwargs: Any) -> Count:
            return Count(metadata={"timeout_s": timeout_s})

    with serve(Telling) as server, httpx.Client(base_url=server.base_url) as web:
        told = web.post("/step", json={"action": {}, "timeout_s": 2.5, "request_id": "r"}).json()
        assert told["metadata"] == {"timeout_s": 2.5}


# -- refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "body", "told"),
    [
        ("/reset", b"{", "not JSON"),
        ("/reset", b"[]", "got list"),
        ("/reset", b"null", "got NoneType"),
        ("/reset", b"\xff\xfe", "not JSON"),
        ("/reset", b'{"seed":"x"}', "seed"),
        ("/reset", b'{"level":3}', "it takes seed, episode_id, start"),
        ("/reset", b"[" * 50_000, "not JSON"),
        ("/reset", b'{"a":"' + b"x" * 110_000 + b'"}', "longer than the 104857 bytes"),
        ("/step", b"", 'expected {"action"'),
        ("/step", b"{}", 'expected {"action"'),
        ("/step", b'{"action":[]}', "got list as action"),
        ("/step", b'{"action":{"amount":"many"}}', "amount"),
        ("/step", b'{"action":{"amuont":1}}', "amuont"),
        ("/step", b'{"action":{},"timeout_s":0}', "timeout_s"),
        ("/step", b'{"action":{},"timeout_s":1e999}', "timeout_s"),
        ("/step", b'{"action":{},"timeout_s":1' + b"0" * 400 + b"}", "timeout_s"),
        ("/step", b'{"action":{},"timeout_s":true}', "timeout_s"),
        ("/step", b'{"action":{},"more":1}', "more"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_a_bad_body_is_422_and_says_what_was_expected(web: httpx.Client, path: str, body: bytes, told: str) -> None:
    answer = web.post(path, content=body)
    assert answer.status_code == 422
    detail = answer.json()["detail"]
    assert told in detail["message"]
    assert detail["error"] == "InvalidRequestError"
    assert web.post("/reset").status_code == 200


def test_what_the_environment_raises_is_500_with_its_type(web: httpx.Client, caplog: pytest.LogCaptureFixture) -> None:
    web.post("/reset")
    answer = web.post("/step", json={"action": {"fail": "boom"}})
    assert answer.status_code == 500
    detail = answer.json()["detail"]
    assert (detail["remote_type"], detail["message"]) == ("ArithmeticError", "boom")
    assert "in step" in detail["traceback"]
    assert "ArithmeticError: boom" in caplog.text
    assert answer.headers["X-Session-ID"] == "default"
    assert web.post("/step", json={"action": {}}).status_code == 200


def test_a_constructor_that_raises_is_500() -> None:
    class Unmakeable(Counter):
        def __init__(self) -> None:
            raise OSError("no display")

    with serve(Unmakeable, max_concurrent_envs=1) as server, httpx.Client(base_url=server.base_url) as web:
        for _ in range(3):
            answer = web.post("/reset")
            assert answer.status_code == 500
            assert "no display" in answer.json()["detail"]["message"]
        assert web.get("/health").status_code == 200


def test_a_client_that_goes_in_the_middle_of_its_body_leaves_a_quiet_log(
    server: RunningServer, caplog: pytest.LogCaptureFixture
) -> None:
    address = urlsplit(server.base_url)
    assert address.hostname is not None
    with socket.create_connection((address.hostname, address.port or 80)) as connection:
        connection.sendall(b"POST /reset HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
    # Those behind it are answered after it was given up.
    for _ in range(3):
        assert httpx.get(f"{server.base_url}/health").status_code == 200
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []


def test_a_client_that_goes_during_its_step_does_not_disturb_the_session() -> None:
    gate = Gate()

    class Gated(Counter):
        def step(self, action: Add, timeout_s: float | None = None, **kwargs: Any) -> Count:
            gate.pass_through()
            return super().step(action)

    with serve(Gated) as server, httpx.Client(base_url=server.base_url) as web:
        address = urlsplit(server.base_url)
        assert address.hostname is not None
        connection = http.client.HTTPConnection(address.hostname, address.port)
        connection.request("POST", "/step", json.dumps({"action": {"amount": 4}}))
        gate.wait_for_someone()
        connection.close()
        gate.open()
        eventually(lambda: web.get("/state").json()["step_count"] == 1, "the step's end")
        assert web.post("/step", json={"action": {}}).json()["observation"]["total"] == 5
