"""No secret shows in what a server writes or says: neither in its logs at any level, nor in errors."""

from __future__ import annotations

import io
import json
import logging
import os
import subprocess
import sys
import threading
import urllib.request
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.sync.client import connect

from openenv.core import GenericEnvClient
from openenv.core._secrets import SecretFilter, mask, protect, without_paths
from openenv.core.env_server.settings import ServerSettings
from openenv.core.exceptions import AuthenticationError, EnvironmentExecutionError, ToolCallError
from openenv.core.tools import tool
from openenv.testing import serve
from tests.core.worlds import Add, Count, Counter

_AUTH = "the-token-that-lets-in"
_WRONG = "the-token-that-does-not"
_PASSWORD = "hunter2-hunter2"


class Leaky(Counter):
    """Puts secrets and paths into what it raises."""

    def step(self, action: Add, timeout_s: float | None = None, **kwargs: Any) -> Count:
        password = os.environ["SOME_PASSWORD"]
        raise ValueError(f"cannot log in with {password}, see /srv/secret-place/config.yaml")

    @tool
    def leak(self) -> str:
        """Leak."""
        raise ValueError(f"no entry with {os.environ['SOME_PASSWORD']}")


# A server's process with everything that can be logged.
_PROGRAM = """
import logging, os, sys, threading
import uvicorn
logging.basicConfig(level=1, stream=sys.stderr, format="%(name)s %(levelname)s %(message)s")
from openenv import create_app
from openenv.core.containers.runtime._sockets import listen
from tests.core.test_secrets import Leaky
with listen("127.0.0.1", None) as listener:
    # With its own set-up of logs, and the addresses of requests.
    config = uvicorn.Config(create_app(Leaky), log_config=None, log_level=5, access_log=True, ws=sys.argv[1])
    server = uvicorn.Server(config)
    def stop():
        sys.stdin.read()
        server.should_exit = True
    threading.Thread(target=stop, daemon=True).start()
    print(listener.getsockname()[1], flush=True)
    server.run(sockets=[listener])
"""


@pytest.mark.parametrize("ws", ["websockets-sansio", "auto"])
def test_a_whole_run_writes_no_secret_at_any_level(ws: str, caplog: pytest.LogCaptureFixture) -> None:
    variables = {**os.environ, "OPENENV_AUTH_TOKEN": f"other-token,{_AUTH}", "SOME_PASSWORD": _PASSWORD}
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", _PROGRAM, ws],
        env=variables,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    written: list[str] = []
    reader = threading.Thread(target=lambda stream: written.append(stream.read()), args=(process.stderr,))
    reader.start()
    try:
        url = f"http://127.0.0.1:{int(process.stdout.readline())}"
        with caplog.at_level(1):
            secrets, told = _use(url)
    finally:
        process.stdin.close()
        process.wait(60)
        reader.join(60)
        process.stdout.close()
        process.stderr.close()
    server, client = written[0], caplog.text
    assert "cannot log in with ***, see /srv/secret-place/config.yaml" in server
    assert "Traceback" in server
    assert "/ws?session_id=***" in server
    assert "TEXT frame of" in server
    assert "CLOSE frame of" in client
    for secret in (_AUTH, _WRONG, _PASSWORD, "other-token", *secrets):
        assert secret not in server
        assert secret not in client
        assert secret not in told


def _use(url: str) -> tuple[list[str], str]:
    """Use a server in every way; return the secrets of the run and what was told in errors."""
    told: list[BaseException] = []
    with GenericEnvClient(url, auth_token=_AUTH).sync() as client:
        client.reset()
        ticket = client.async_client._transport._ticket  # type: ignore[union-attr]
        for ask in (lambda: client.step({}), lambda: client.call_tool("leak")):
            with pytest.raises((EnvironmentExecutionError, ToolCallError)) as caught:
                ask()
            told.append(caught.value)
    with pytest.raises(AuthenticationError) as refused:
        GenericEnvClient(url, auth_token=_WRONG).sync().connect()
    told.append(refused.value)
    session_id = _rpc(url, "openenv/session/create")["result"]["session_id"]
    headers = {"Authorization": f"Bearer {_AUTH}"}
    address = f"{url.replace('http', 'ws')}/ws?session_id={session_id}"
    # A logger of its own: this is not the client that is tested.
    with connect(address, additional_headers=headers, proxy=None, logger=logging.Logger("raw")) as peer:
        peer.send('{"type":"state"}')
        peer.recv()
    leaked = _rpc(url, "tools/call", name="leak", arguments={}, session_id=session_id)
    return [ticket.secret, session_id], "".join(map(repr, [*told, *map(str, told)])) + json.dumps(leaked)


def _rpc(url: str, method: str, **params: Any) -> Any:
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
    request = urllib.request.Request(url + "/mcp", body, {"Authorization": f"Bearer {_AUTH}"})  # noqa: S310 - of loopback
    with urllib.request.urlopen(request) as response:  # noqa: S310
        return json.load(response)


# -- tracebacks


@pytest.fixture
def _password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_PASSWORD", _PASSWORD)


@pytest.mark.usefixtures("_password")
@pytest.mark.parametrize("isolation", ["thread", "process"])
def test_tracebacks_and_paths_are_withheld_from_clients_and_logged(
    isolation: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings = ServerSettings(hide_tracebacks=True, isolation=isolation, warm_workers=0)
    with (
        serve(Leaky, settings=settings) as server,
        GenericEnvClient(server.base_url).sync() as client,
        pytest.raises(EnvironmentExecutionError) as caught,
    ):
        client.step({})
    error = caught.value
    assert (error.remote_type, error.remote_traceback) == ("ValueError", "")
    assert error.message == "cannot log in with ***, see <path>"
    assert "in step" in caplog.text
    assert "/srv/secret-place/config.yaml" in caplog.text


@pytest.mark.usefixtures("_password")
def test_http_withholds_them_too(caplog: pytest.LogCaptureFixture) -> None:
    with serve(Leaky, settings=ServerSettings(hide_tracebacks=True)) as server:
        request = urllib.request.Request(server.base_url + "/step", b'{"action":{}}')  # noqa: S310 - of loopback
        with pytest.raises(urllib.request.HTTPError) as caught:
            urllib.request.urlopen(request)  # noqa: S310
        with caught.value as response:
            detail = json.load(response)["detail"]
    assert "traceback" not in detail
    assert detail["message"] == "cannot log in with ***, see <path>"
    assert "/srv/secret-place" in caplog.text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("No such file: '/srv/data/x.csv'", "No such file: '<path>'"),
        ('File "/usr/lib/python3/site.py", line 3', 'File "<path>", line 3'),
        ("~/a/b and ../a/b and ./a/b", "<path> and <path> and <path>"),
        ("see https://example.org/a/b and 1/2/3 or and/or", "see https://example.org/a/b and 1/2/3 or and/or"),
        ("/ /health", "/ /health"),
    ],
)
def test_paths_are_taken_out_of_messages(text: str, shown: str) -> None:
    assert without_paths(text) == shown


# -- what is hidden


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("< Authorization: Bearer abc.def", "< Authorization: ***"),
        ("{'authorization': 'Basic abc'}", "{'authorization': ***"),
        ("GET /ws?session_id=abc&x=1 HTTP/1.1", "GET /ws?session_id=***&x=1 HTTP/1.1"),
        ("'query_string': b'session_id=abc'", "'query_string': b'session_id=***'"),
        ("session abc lost its connection", "session abc lost its connection"),
    ],
)
def test_what_requests_carry_is_hidden(text: str, shown: str) -> None:
    assert mask(text) == shown


@pytest.mark.parametrize("name", ["HF_TOKEN", "MY_SECRET", "OPENAI_API_KEY", "DB_PASSWORD", "db_passwd"])
def test_values_of_environment_variables_that_hold_secrets_are_hidden(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "abcdefgh, ijklmnop")
    assert mask("abcdefgh and ijklmnop") == "*** and ***"


def test_short_values_are_left_for_messages_to_be_legible(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEYMAP", "us")
    assert mask("trust us") == "trust us"


def test_a_secret_within_another_leaves_nothing_of_the_longer_one() -> None:
    protect(["inner-secret", "outer-inner-secret-outer"])
    assert mask("outer-inner-secret-outer") == "***"


@given(st.text(), st.text())
def test_a_text_without_secrets_stays_as_it_is(left: str, right: str) -> None:
    protect(["a-token-nobody-writes"])
    told = mask(left + "a-token-nobody-writes" + right)
    assert "a-token-nobody-writes" not in told


def test_records_without_secrets_keep_all_they_have() -> None:
    record = logging.makeLogRecord({"msg": "%s of %d", "args": ("one", 2)})
    assert SecretFilter().filter(record)
    assert (record.msg, record.args) == ("%s of %d", ("one", 2))


def test_tracebacks_in_logs_have_no_secrets() -> None:
    protect(["a-token-in-a-traceback"])
    stream = io.StringIO()
    logger = logging.Logger("test")
    logger.addHandler(logging.StreamHandler(stream))
    logger.addFilter(SecretFilter())
    try:
        raise ValueError("a-token-in-a-traceback")
    except ValueError:
        logger.exception("it failed")
    assert "a-token-in-a-traceback" not in stream.getvalue()
    assert "ValueError: ***" in stream.getvalue()
