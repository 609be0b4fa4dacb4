"""Rubrics where they are used: in environments, and in what their clients see."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from openenv.core.env_server.interfaces import Environment
from openenv.core.env_server.types import State
from openenv.core.exceptions import EnvironmentExecutionError, RubricError
from openenv.core.generic_client import GenericEnvClient
from openenv.core.rubrics import ExponentialDiscountingTrajectoryRubric, Gate, Rubric, Sequential, WeightedSum
from openenv.core.utils import run_async_safely
from tests.core.driving import Drive, both_kinds
from tests.core.rubrics.scoring import Awaited, Given
from tests.core.worlds import Add, Count


class Reached(ExponentialDiscountingTrajectoryRubric):
    """Gives 1 for reaching 3."""

    def score_trajectory(self, trajectory: list[tuple[Any, Any]]) -> float:
        return float(trajectory[-1][1].total >= 3)


class Scored(Environment[Add, Count, State]):
    """Counts to 3, and is scored for it."""

    SUPPORTS_CONCURRENT_SESSIONS = True

    def __init__(self, rubric: Any = None, **options: Any) -> None:
        super().__init__(rubric=rubric or WeightedSum([Reached(gamma=0.5), Given(1.0)], [0.5, 0.5]), **options)
        self.total = 0

    def reset(self, seed: int | None = None, episode_id: str | None = None, **kwargs: Any) -> Count:
        self._reset_rubric()
        self.total = 0
        return Count()

    def _count(self, action: Add) -> Count:
        self.total += action.amount
        return Count(total=self.total, done=self.total >= 3)

    def step(self, action: Add, timeout_s: float | None = None, **kwargs: Any) -> Count:
        observation = self._count(action)
        observation.reward = self._apply_rubric(action, observation)
        return observation

    @property
    def state(self) -> State:
        return State()


class ScoredAsync(Scored):
    async def step_async(self, action: Add, timeout_s: float | None = None, **kwargs: Any) -> Count:
        observation = self._count(action)
        observation.reward = await self._apply_rubric_async(action, observation)
        return observation


def test_an_episode_is_scored_and_the_next_one_by_itself() -> None:
    env = Scored()
    for _ in range(2):
        env.reset()
        rewards = [env.step(Add()).reward for _ in range(3)]
        assert rewards == [0.5, 0.5, 1.0]
    rubric = env.rubric
    assert isinstance(rubric, Rubric)
    reached = rubric.get_rubric("rubric_0")
    assert isinstance(reached, Reached)
    assert (reached.last_score, reached.compute_step_rewards()) == (1.0, [0.25, 0.5, 1.0])


@pytest.mark.parametrize(
    "rubric",
    [
        Awaited(1.0),
        Sequential(Given(1.0), Awaited(1.0)),
        WeightedSum([Given(1.0), Gate(Awaited(1.0))], [0.5, 0.5]),
    ],
    ids=repr,
)
def test_an_asynchronous_rubric_in_a_plain_step_is_refused(rubric: Rubric) -> None:
    env = Scored(rubric)

    with pytest.raises(
        RubricError, match=r"^Awaited\.forward is asynchronous, .*: override step_async .*_rubric_async"
    ):
        env.step(Add())


def test_a_plain_rubric_may_wait_for_an_asynchronous_one_by_itself() -> None:
    class Bridged(Rubric):
        def __init__(self) -> None:
            self.judge = Sequential(Awaited(0.25))

        def forward(self, action: Any, observation: Any) -> Any:
            return 2 * run_async_safely(self.judge(action, observation))

    assert Scored(Bridged()).step(Add()).reward == 0.5


async def _coroutine(action: Any, observation: Any) -> float:
    return 0.25


def test_a_rubric_may_be_any_function() -> None:
    plain: Any = lambda action, observation: 1  # noqa: E731
    assert Scored(plain).step(Add()).reward == 1.0
    assert asyncio.run(ScoredAsync(plain).step_async(Add())).reward == 1.0
    assert asyncio.run(ScoredAsync(_coroutine).step_async(Add())).reward == 0.25
    assert Scored(plain, report_scores=True).step(Add()).metadata == {"rubric": {"score": 1.0}}
    with pytest.raises(RubricError, match="_coroutine is asynchronous"):
        Scored(_coroutine).step(Add())


def test_without_a_rubric_the_reward_is_0() -> None:
    env = Scored()
    env.rubric = None

    assert env.step(Add()).reward == 0.0
    assert asyncio.run(env._apply_rubric_async(Add(), Count())) == 0.0


class Reporting(ScoredAsync):
    report_scores = True

    def __init__(self) -> None:
        super().__init__(WeightedSum([Awaited(0.5), Given(1.0)], [0.5, 0.5]))


class Ending(Scored):
    def __init__(self) -> None:
        super().__init__(Reached(gamma=0.5), report_scores=True)


@both_kinds
def test_clients_see_the_scores_where_the_environment_reports_them(drive: Drive) -> None:
    with drive(GenericEnvClient.from_environment(Reporting)) as env:
        env.reset()
        result = env.step({"amount": 1})
        assert result.reward == 0.75
        assert result.metadata == {"rubric": {"score": 0.75, "scores": {"rubric_0": 0.5, "rubric_1": 1.0}}}

    with drive(GenericEnvClient.from_environment(Ending)) as env:
        env.reset()
        told = [env.step({"amount": amount}).metadata["rubric"] for amount in (1, 2)]
        assert told == [{"score": 0.0, "scores": {}}, {"score": 1.0, "scores": {}, "step_rewards": [0.5, 1.0]}]

    with drive(GenericEnvClient.from_environment(Scored)) as env:
        env.reset()
        assert env.step({"amount": 1}).metadata is None


def test_a_rubric_that_fails_is_told_as_the_environments_own() -> None:
    class Wordy(Scored):
        def __init__(self) -> None:
            super().__init__(Given("good"))

    with GenericEnvClient.from_environment(Wordy).sync() as env:
        env.reset()
        with pytest.raises(EnvironmentExecutionError, match=r"RubricError: expected a number from Given\.forward"):
            env.step({"amount": 1})
