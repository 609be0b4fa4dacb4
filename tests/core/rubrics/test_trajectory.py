from __future__ import annotations

import asyncio
from typing import Any

import pytest

from openenv.core.exceptions import ConfigurationError, RubricError
from openenv.core.rubrics import ExponentialDiscountingTrajectoryRubric, TrajectoryRubric, WeightedSum
from tests.core.rubrics.scoring import ENDED, GOING_ON, Given, ask


class Won(ExponentialDiscountingTrajectoryRubric):
    """Gives 1 for an episode whose last action is `win`."""

    def score_trajectory(self, trajectory: list[tuple[Any, Any]]) -> float:
        return float(trajectory[-1][0] == "win")


class Even(TrajectoryRubric):
    """Gives every step its share of the number of steps, as published rubrics do."""

    def score_trajectory(self, trajectory: list[tuple[Any, Any]]) -> float:
        return float(len(trajectory))

    def compute_step_rewards(self) -> list[float]:
        return [1.0] * len(self._trajectory)


def test_steps_get_the_intermediate_reward_and_the_last_one_the_score() -> None:
    rubric = Even(intermediate_reward=0.1)

    assert [rubric(n, observation) for n, observation in enumerate((GOING_ON, GOING_ON, ENDED))] == [0.1, 0.1, 3.0]
    assert rubric.trajectory == [(0, GOING_ON), (1, GOING_ON), (2, ENDED)]
    assert (rubric.final_score, rubric.last_score) == (3.0, 3.0)
    assert rubric.report() == {"score": 3.0, "scores": {}, "step_rewards": [1.0, 1.0, 1.0]}


def test_a_reset_forgets_the_episode_wherever_the_rubric_stands() -> None:
    rubric = Even()
    parent = WeightedSum([rubric, Given(1.0)], [0.5, 0.5])
    parent("a", ENDED)

    parent.reset()

    assert (rubric.trajectory, rubric.final_score) == ([], None)
    assert parent("a", ENDED) == 1.0


def test_earlier_steps_count_less_and_less() -> None:
    rubric = Won(gamma=0.5)
    for action, observation in (("a", GOING_ON), ("b", GOING_ON)):
        assert rubric(action, observation) == 0.0
        assert "step_rewards" not in rubric.report()
    # As if it ended now.
    assert rubric.compute_step_rewards() == [0.0, 0.0]

    assert rubric("win", ENDED) == 1.0
    assert rubric.compute_step_rewards() == [0.25, 0.5, 1.0]
    assert Won().compute_step_rewards() == []


@pytest.mark.parametrize(("gamma", "rewards"), [(0.0, [0.0, 1.0]), (1.0, [1.0, 1.0])])
def test_the_ends_of_gamma(gamma: float, rewards: list[float]) -> None:
    rubric = Won(gamma=gamma)
    rubric("a", GOING_ON)
    rubric("win", ENDED)

    assert rubric.compute_step_rewards() == rewards


def test_an_episode_may_be_scored_asynchronously() -> None:
    class Judged(ExponentialDiscountingTrajectoryRubric):
        async def score_trajectory(self, trajectory: list[tuple[Any, Any]]) -> float:
            await asyncio.sleep(0)
            return 0.5

    rubric = Judged(gamma=0.5)
    assert rubric("a", GOING_ON) == 0.0
    with pytest.raises(RubricError, match="only known when the episode has ended"):
        rubric.compute_step_rewards()

    assert asyncio.run(ask(rubric, "b", ENDED)) == 0.5
    assert rubric.compute_step_rewards() == [0.25, 0.5]


def test_settings_are_kept_and_the_episode_is_not() -> None:
    rubric = Won(gamma=0.5, intermediate_reward=0.1)
    rubric("a", GOING_ON)
    other = Won()

    other.load_state_dict(rubric.state_dict())

    assert other.state_dict() == rubric.state_dict() == {"intermediate_reward": 0.1, "gamma": 0.5}
    assert other.trajectory == []
    other.load_state_dict({})
    assert other.gamma == 0.5


@pytest.mark.parametrize("gamma", [-0.1, 1.1, "0.5", float("nan")])
def test_a_gamma_that_cannot_be(gamma: Any) -> None:
    with pytest.raises(ConfigurationError, match="expected a number from 0 to 1 as gamma"):
        Won(gamma=gamma)
    with pytest.raises(ConfigurationError, match="expected a number from 0 to 1 as gamma"):
        Won().load_state_dict({"gamma": gamma})


def test_a_constructor_of_ones_own_need_not_call_the_base() -> None:
    class Bare(Won):
        def __init__(self) -> None:
            pass

    one, other = Bare(), Bare()
    one("win", ENDED)

    assert (one.compute_step_rewards(), len(one.trajectory)) == ([1.0], 1)
    assert (other.compute_step_rewards(), other.trajectory, other.gamma) == ([], [], 0.99)


def test_a_score_that_is_no_number() -> None:
    class Wordy(Even):
        def score_trajectory(self, trajectory: list[tuple[Any, Any]]) -> Any:
            return "good"

    with pytest.raises(RubricError, match="expected a number"):
        Wordy()("a", ENDED)
