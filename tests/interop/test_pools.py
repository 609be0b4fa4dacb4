"""Our pools against a server of openenv 0.10.0, which has one session a connection and no ids."""

from __future__ import annotations

import pytest

from openenv.core import EnvClient
from openenv.core.exceptions import EnvironmentExecutionError, EnvironmentFactoryError, PoolError, SessionCapacityError
from tests.core.driving import Drive, both_kinds

from .conftest import Urls
from .programs.counter import LIMIT, Board, CounterState, Move

pytestmark = pytest.mark.timeout(300)


class Counter(EnvClient[Move, Board, CounterState]):
    """Nothing but its types."""


def _moves(*amounts: int) -> list[Move]:
    return [Move(text=f"by {amount}", amount=amount) for amount in amounts]


@both_kinds
def test_a_pool_has_a_connection_for_each_session(peer: Urls, drive: Drive) -> None:
    with drive(Counter.pool(6, base_url=peer["counter"])) as pool:
        first = pool.reset(seeds=3, start=1)
        assert [result.observation.metadata for result in first] == [{"seed": 3 + n} for n in range(6)]
        results = pool.step(_moves(0, 1, 2, 3, 4, 5))
        assert [result.observation.total for result in results] == [1, 2, 3, 4, 5, 6]
        assert [state.total for state in pool.state()] == [1, 2, 3, 4, 5, 6]
        pool.call("send", _moves(1, 2), [5, 0])
        indices, results = pool.call("recv", 2)
        assert dict(zip(indices, [result.observation.total for result in results], strict=True)) == {0: 3, 5: 7}


@both_kinds
def test_an_error_in_one_session_does_not_touch_the_others(peer: Urls, drive: Drive) -> None:
    with drive(Counter.pool(3, base_url=peer["counter"], autoreset="same")) as pool:
        pool.reset()
        with pytest.raises(PoolError) as caught:
            pool.step(_moves(1, LIMIT + 1, LIMIT))
        assert [type(error) for error in caught.value.errors.values()] == [EnvironmentExecutionError]
        ended = caught.value.results[2]
        assert ended is not None
        assert ended.done
        assert ended.metadata is not None
        assert ended.metadata["final_observation"].total == LIMIT
        assert [result.observation.total for result in pool.step(_moves(1, 1, 1))] == [2, 1, 1]


@both_kinds
def test_a_pool_that_does_not_fit_says_how_many_would(peer: Urls, drive: Drive) -> None:
    with (
        drive(Counter.pool(3, base_url=peer["solo"])) as pool,
        pytest.raises(SessionCapacityError, match="1 of the 3 sessions of the pool could be opened"),
    ):
        pool.reset()
    with drive(Counter.pool(1, base_url=peer["solo"])) as pool:
        assert pool.reset(start=2)[0].observation.total == 2


@both_kinds
def test_an_environment_that_cannot_be_made_is_told_of(peer: Urls, drive: Drive) -> None:
    with drive(Counter.pool(1, base_url=peer["broken"])) as pool, pytest.raises(EnvironmentFactoryError):
        pool.reset()
