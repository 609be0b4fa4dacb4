import json
from collections.abc import Iterator

import pytest

from benchmarks.connection import Connection, Turn, text_frame
from benchmarks.neutral.environments import ENVIRONMENTS
from benchmarks.neutral.models import Heard, Word
from benchmarks.turns import Work, close, drive
from openenv.testing import RunningServer, serve

RESET = text_frame({"type": "reset", "data": {}})


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    with serve(ENVIRONMENTS["sync"], action_cls=Word, observation_cls=Heard, max_concurrent_envs=8) as running:
        yield running


def port_of(server: RunningServer) -> int:
    return int(server.base_url.rpartition(":")[2])


def step(text: str) -> bytes:
    return text_frame({"type": "step", "data": {"text": text}})


def test_it_plays_an_episode(server: RunningServer) -> None:
    connection = Connection(port_of(server))
    drive([(connection, connection.opening(RESET))], 1)
    drive([(connection, connection.asking(step("hello")))], 1)
    connection.close()
    assert json.loads(connection.answer)["data"]["observation"]["text"] == "hello"


@pytest.mark.parametrize("length", [10, 300, 70_000])
def test_answers_of_every_length_are_read_whole(server: RunningServer, length: int) -> None:
    connection = Connection(port_of(server))
    drive([(connection, connection.opening(RESET))], 1)
    drive([(connection, connection.asking(step("x" * length)))], 1)
    connection.close()
    assert json.loads(connection.answer)["data"]["observation"]["length"] == length


def test_no_more_are_under_way_than_may_be(server: RunningServer) -> None:
    under_way: list[int] = []

    def all_of_them() -> Iterator[Work]:
        for _ in range(30):
            connection = Connection(port_of(server))
            yield connection, play(connection)

    def play(connection: Connection) -> Turn:
        under_way.append(1 + (under_way[-1] if under_way else 0))
        yield from connection.opening(RESET)
        yield from connection.closing(text_frame({"type": "close"}))
        under_way.append(under_way[-1] - 1)

    drive(all_of_them(), 3, ended=close)
    assert (len(under_way), max(under_way), under_way[-1]) == (60, 3, 0)


def test_what_goes_wrong_is_told(server: RunningServer) -> None:
    connection = Connection(port_of(server))
    told: list[OSError | None] = []
    with pytest.raises(ConnectionError, match=r"expected b'.observation.', got .*VALIDATION_ERROR"):
        drive([(connection, connection.opening(text_frame({"type": "reset", "data": []})))], 1)
    connection.close()
    again = Connection(port_of(server))
    drive(
        [(again, again.opening(text_frame({"type": "reset", "data": []})))],
        1,
        ended=lambda _, error: told.append(error),
    )
    again.close()
    assert isinstance(told[0], ConnectionError)
