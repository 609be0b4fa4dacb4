"""A server that is told to stop ends in order, and says so."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from openenv.core import LocalProcessProvider, ServerDrainingError, SessionLostError
from openenv.core.exceptions import ConnectError

from .environments import Ask, Client
from .waiting import wait_until

pytestmark = pytest.mark.lengthy

_ROOT = Path(__file__).parents[2]
_APP = """
import sys
sys.path.insert(0, {root!r})
from openenv.core import ServerSettings, create_app
from tests.reliability.environments import Counter
app = create_app(Counter, settings=ServerSettings(drain_timeout_s={drain_s}))
"""


@contextmanager
def _server(folder: Path, drain_s: float) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    (folder / "drained_app.py").write_text(_APP.format(root=str(_ROOT), drain_s=drain_s))
    command = [sys.executable, "-m", "uvicorn", "drained_app:app", "--port", "0"]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.PIPE, text=True)
    try:
        yield _address(process), process
    finally:
        process.kill()
        process.communicate(timeout=60)


def _address(process: subprocess.Popen[str]) -> str:
    lines = []
    for line in process.stderr or []:
        lines.append(line)
        if "running on " in line:
            return line.split("running on ")[1].split()[0]
    raise AssertionError("".join(lines))


def test_sigterm_lets_running_sessions_end_and_nobody_in(tmp_path: Path) -> None:
    with _server(tmp_path, drain_s=60) as (url, process):
        with Client(base_url=url).sync() as running, Client(base_url=url).sync() as beside:
            running.reset()
            beside.reset()
            process.send_signal(signal.SIGTERM)
            refusals: list[Exception] = []
            wait_until(lambda: refusals or _refused(url, refusals), "new sessions are refused")

            assert isinstance(refusals[0], ServerDrainingError)
            assert running.step(Ask(number=1)).observation.count == 1
        assert process.wait(60) is not None


def _refused(url: str, refusals: list[Exception]) -> bool:
    try:
        with Client(base_url=url).sync() as late:
            late.reset()
    except ServerDrainingError as exc:
        refusals.append(exc)
    return bool(refusals)


def test_a_session_that_nobody_holds_does_not_keep_the_server(tmp_path: Path) -> None:
    with _server(tmp_path, drain_s=600) as (url, process):
        httpx.post(f"{url}/reset")
        process.send_signal(signal.SIGTERM)

        assert process.wait(60) is not None


def test_when_the_time_is_over_clients_are_told_why(tmp_path: Path) -> None:
    with _server(tmp_path, drain_s=0.2) as (url, process), Client(base_url=url).sync() as client:
        client.reset()
        process.send_signal(signal.SIGTERM)
        process.wait(60)
        with pytest.raises(SessionLostError, match="shut down"):
            client.step(Ask())


def test_a_server_killed_in_the_middle_is_a_typed_error_within_the_timeout(tmp_path: Path) -> None:
    with (
        _server(tmp_path, drain_s=0) as (url, process),
        Client(base_url=url, reconnect_grace_s=0.3).sync() as client,
    ):
        client.reset()
        process.kill()
        process.wait(60)
        with pytest.raises(SessionLostError, match="is lost"):
            client.step(Ask())
        with pytest.raises(ConnectError):
            client.reset()


def test_a_provider_that_knows_its_server_ended_does_not_let_clients_wait(tmp_path: Path) -> None:
    (tmp_path / "drained_app.py").write_text(_APP.format(root=str(_ROOT), drain_s=0))
    with LocalProcessProvider(tmp_path, app="drained_app:app") as provider:
        client = Client(base_url=provider.base_url, provider=provider, reconnect_grace_s=600).sync()
        client.reset()
        provider.stop()
        with pytest.raises(SessionLostError):
            client.step(Ask())
        client.close()
