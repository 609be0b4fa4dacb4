"""What is told while a client tries to come back to its session, and when it cannot."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from openenv.core.exceptions import ConnectError, OpenEnvError, SessionNotFoundError
from openenv.core.generic_client import GenericEnvClient
from openenv.core.transports._resumption import gone
from openenv.testing import RunningServer, serve
from tests.core.driving import Drive, both_kinds
from tests.core.worlds import Counter
from tests.reliability.proxy import cutting_proxy
from tests.reliability.waiting import wait_until


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    with serve(Counter) as server:
        yield server


@both_kinds
@pytest.mark.parametrize("kind", ["client", "pool"])
def test_whoever_waits_finds_in_the_log_what_for(
    server: RunningServer, drive: Drive, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    made: Any = GenericEnvClient if kind == "client" else lambda base_url: GenericEnvClient.pool(1, base_url=base_url)

    def announced() -> list[str]:
        return [record.message for record in list(caplog.records) if "trying to come back" in record.message]

    with (
        cutting_proxy(server.base_url) as proxy,
        ThreadPoolExecutor(1) as thread,
        drive(made(base_url=proxy.base_url)) as env,
    ):
        env.reset()
        with caplog.at_level(logging.WARNING, logger="openenv.core.transports"):
            proxy.refusing = True
            proxy.cut_all()
            step = thread.submit(env.step, {"amount": 1} if kind == "client" else [{"amount": 1}])
            wait_until(lambda: bool(announced()), "the log tells of it")
            proxy.refusing = False
            assert step.result(60)
    [message] = announced()
    assert proxy.base_url.removeprefix("http://") in message
    assert "for up to 60 s: " in message


@pytest.mark.parametrize(
    ("last", "told"),
    [
        (None, "broke. reset() opens"),
        (ConnectError("Is it there?"), "failed: Is it there? reset() opens"),
        (ConnectError("it is not"), "failed: it is not. reset() opens"),
        (ConnectError(""), "failed: the connection broke again. reset() opens"),
        (
            SessionNotFoundError("s"),
            "the server knows it no more, as after a restart or when it waited too long. reset()",
        ),
        (SessionNotFoundError("s", "its process ended"), "failed: its process ended. reset() opens"),
    ],
)
def test_what_is_lost_is_told_in_whole_sentences(last: OpenEnvError | None, told: str) -> None:
    assert told in str(gone("http://h", "it broke", last))
