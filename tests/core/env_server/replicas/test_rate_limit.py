from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from openenv.core.env_server.replicas.board import Board
from openenv.core.env_server.replicas.rate_limit import SharedRateLimit
from openenv.core.exceptions import RateLimitError

_ROOT = Path(__file__).parents[4]


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def board() -> Iterator[Board]:
    board = Board.create(2)
    yield board
    board.file.close()


def taken(limit: SharedRateLimit, client: str, tries: int) -> int:
    taken = 0
    for _ in range(tries):
        try:
            limit.take(client)
        except RateLimitError:
            continue
        taken += 1
    return taken


def test_a_client_has_one_bucket_in_all_processes(board: Board) -> None:
    clock = Clock()
    here, there = (SharedRateLimit(10, board, 0, clock=clock) for _ in range(2))
    assert taken(here, "ann", 4) + taken(there, "ann", 20) == 10
    with pytest.raises(RateLimitError) as refused:
        here.take("ann")
    assert refused.value.retry_after_s == pytest.approx(0.1, abs=0.002)
    assert taken(there, "bob", 20) == 10
    clock.now += 0.5
    assert taken(here, "ann", 20) == 5


def test_another_server_of_the_application_has_a_limit_of_its_own(board: Board) -> None:
    clock = Clock()
    assert taken(SharedRateLimit(3, board, 0, clock=clock), "ann", 9) == 3
    assert taken(SharedRateLimit(5, board, 1, clock=clock), "ann", 9) == 5


def test_many_clients_push_out_those_alone_whose_buckets_are_full_first(board: Board) -> None:
    clock = Clock()
    limit = SharedRateLimit(1, board, 0, clock=clock)
    for number in range(20_000):
        limit.take(f"client {number}")
    # The table has place for 16,384; the last to come are in it.
    assert taken(limit, "client 19999", 3) == 0


_TAKE = """
import sys
from openenv.core.env_server.replicas.board import Board
from openenv.core.env_server.replicas.rate_limit import SharedRateLimit
from tests.core.env_server.replicas.test_rate_limit import Clock, taken

limit = SharedRateLimit(500, Board.opened(int(sys.argv[1]), 2), 0, clock=Clock())
print(taken(limit, "ann", 400))
"""


def test_processes_that_count_at_once_do_not_miss_each_other(board: Board) -> None:
    descriptor = board.file.fileno()
    command = [sys.executable, "-c", _TAKE, str(descriptor)]
    processes = [
        subprocess.Popen(command, cwd=_ROOT, pass_fds=[descriptor], stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    assert sum(int(process.communicate(timeout=60)[0]) for process in processes) == 500
