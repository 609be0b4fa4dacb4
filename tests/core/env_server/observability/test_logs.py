"""What logs say of sessions, through handlers as servers and their users have them."""

from __future__ import annotations

import io
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from openenv.core.env_server.observability import logs
from openenv.core.exceptions import ConfigurationError
from openenv.testing import serve
from tests.core.worlds import Add, Count, Counter, Peer, eventually

_author = logging.getLogger("tests.author")


class Chatty(Counter):
    """Logs whatever is done to it."""

    def __init__(self) -> None:
        super().__init__()
        _author.info("made")

    def reset(self, seed: int | None = None, episode_id: str | None = None, start: int = 0) -> Count:
        _author.info("reset")
        return super().reset(seed, episode_id, start)

    def step(self, action: Add, timeout_s: float | None = None, **kwargs: Any) -> Count:
        _author.info("step %d", action.amount)
        return super().step(action)

    def close(self) -> None:
        _author.info("closed")


class ChattyAsync(Chatty):
    """Does so on the event loop."""

    async def step_async(self, action: Add, timeout_s: float | None = None, **kwargs: Any) -> Count:
        return self.step(action)


class ChattyOnItsThread(Chatty):
    """Does so on a thread of its own."""

    REQUIRES_SINGLE_THREAD_EXECUTOR = True


@contextmanager
def _json_lines(*loggers: str) -> Iterator[list[dict[str, Any]]]:
    """Log as `log_config` has it, and read the lines at the end."""
    stream, lines = io.StringIO(), list[dict[str, Any]]()
    handler = logging.StreamHandler(stream)
    handler.addFilter(logs.IdFilter())
    handler.setFormatter(logs.JsonFormatter())
    levels = {name: logging.getLogger(name).level for name in loggers}
    for name in loggers:
        logging.getLogger(name).addHandler(handler)
        logging.getLogger(name).setLevel(logging.INFO)
    try:
        yield lines
    finally:
        for name, level in levels.items():
            logging.getLogger(name).removeHandler(handler)
            logging.getLogger(name).setLevel(level)
        lines += [json.loads(line) for line in stream.getvalue().splitlines()]


@pytest.mark.parametrize("environment", [Chatty, ChattyAsync, ChattyOnItsThread])
def test_what_an_environment_logs_names_its_session_and_the_request(environment: type[Chatty]) -> None:
    with _json_lines("tests.author") as lines, serve(environment) as server:
        peers = [Peer(server.base_url) for _ in range(3)]
        ids = [peer.ask("open")["data"]["session_id"] for peer in peers]
        for number, peer in enumerate(peers):
            peer.ask("reset")
            peer.ask("step", {"amount": number + 1})
            peer.ask("close")

    told = [(line["message"], line.get("session_id"), line.get("request_id")) for line in lines]
    for number, session_id in enumerate(ids):
        assert [(what, request) for what, session, request in told if session == session_id] == [
            ("made", "1"),
            ("reset", "2"),
            (f"step {number + 1}", "3"),
            ("closed", "4"),
        ]
    assert len(told) == 12


def test_an_error_is_logged_with_its_session_and_request(caplog: pytest.LogCaptureFixture) -> None:
    with serve(Counter) as server, Peer(server.base_url) as peer:
        session_id = peer.ask("open")["data"]["session_id"]
        peer.ask("step", {"fail": "on purpose"})

    record = next(record for record in caplog.records if record.levelno == logging.ERROR)
    assert vars(record)["session_id"] == session_id
    assert vars(record)["request_id"] == "2"
    assert "on purpose" in str(record.exc_info)


def test_what_befalls_a_session_is_logged_with_its_id(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="openenv")
    with serve(Counter) as server:
        peer = Peer(server.base_url)
        session_id = peer.ask("open")["data"]["session_id"]
        peer.ask("reset")
        peer.abort()
        eventually(lambda: any("lost its connection" in record.getMessage() for record in caplog.records))

    record = next(record for record in caplog.records if "lost its connection" in record.getMessage())
    assert (vars(record)["session_id"], vars(record)["request_id"]) == (session_id, "")


def test_a_request_over_http_is_named_by_its_header() -> None:
    with _json_lines("tests.author") as lines, serve(Chatty) as server:
        headers = {"X-Session-ID": "mine", "X-Request-ID": "from-outside"}
        assert httpx.post(f"{server.base_url}/reset", headers=headers).status_code == 200
        assert httpx.post(f"{server.base_url}/reset", headers={"X-Session-ID": "mine"}).status_code == 200

    told = [(line["message"], line.get("session_id"), line.get("request_id")) for line in lines]
    assert told[1:3] == [("reset", "mine", "from-outside"), ("reset", "mine", None)]


def test_a_json_line_holds_what_a_record_does() -> None:
    with _json_lines("tests.plain") as lines:
        try:
            raise ValueError("broken\nin two lines")
        except ValueError:
            logging.getLogger("tests.plain").exception("it %s", "failed", extra={"seconds": 1.5, "what": object})

    [line] = lines
    assert (line["level"], line["logger"], line["message"]) == ("error", "tests.plain", "it failed")
    assert (line["seconds"], line["what"]) == (1.5, "<class 'object'>")
    assert "ValueError: broken" in line["exception"]
    assert "session_id" not in line
    assert line["time"].endswith("Z")


def test_a_record_keeps_the_ids_it_was_given() -> None:
    with _json_lines("tests.plain") as lines:
        logging.getLogger("tests.plain").info("here", extra={"session_id": "given"})

    assert lines[0]["session_id"] == "given"


_PROGRAM = """
import logging, logging.config
from openenv.core.env_server.observability import logs

logging.config.dictConfig(logs.log_config({format!r}, "warning"))
logs.session_id.set("s1")
logs.request_id.set("7")
logging.getLogger("any").info("too little")
logging.getLogger("any").warning("told")
"""


def _logged_by(log_format: str) -> list[str]:
    program = _PROGRAM.format(format=log_format)
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=110)
    assert result.stdout == ""
    return result.stderr.splitlines()


def test_a_process_logs_for_people() -> None:
    [line] = _logged_by("text")

    assert line.endswith("WARNING any: told [session=s1 request=7]")


def test_a_process_logs_for_machines() -> None:
    [line] = _logged_by("json")

    told = json.loads(line)
    assert (told["message"], told["session_id"], told["request_id"]) == ("told", "s1", "7")


@pytest.mark.parametrize(
    ("log_format", "level", "expected"),
    [("xml", "INFO", "expected text or json as log format, got 'xml'"), ("json", "LOUD", "as log level, got 'LOUD'")],
)
def test_what_cannot_be_configured_is_refused(log_format: str, level: str, expected: str) -> None:
    with pytest.raises(ConfigurationError, match=expected):
        logs.log_config(log_format, level)
