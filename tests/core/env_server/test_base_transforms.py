from __future__ import annotations

from typing import Any

import pytest

from openenv.core.env_server import CompositeTransform, NullTransform, Observation, RewardTransform, Transform
from openenv.core.exceptions import ConfigurationError
from tests.core.worlds import Count, Counter


class Doubled(Transform[Count]):
    def __call__(self, observation: Count) -> Count:
        observation.total *= 2
        return observation


def more(observation: Count) -> Count:
    return observation.model_copy(update={"total": observation.total + 1})


def test_the_null_transform_leaves_the_observation() -> None:
    observation = Observation()

    assert NullTransform()(observation) is observation


def test_transforms_are_applied_in_order_be_they_functions_or_composites() -> None:
    transform = CompositeTransform([Doubled(), CompositeTransform([more])])
    transform.append(Doubled())

    assert transform(Count(total=1)) == Count(total=6)
    assert (len(transform), [type(each).__name__ for each in transform]) == (
        3,
        ["Doubled", "CompositeTransform", "Doubled"],
    )
    assert transform[-1] is transform.transforms[2]
    assert CompositeTransform([])(Count(total=1)) == Count(total=1)


def test_an_environment_applies_its_transform() -> None:
    env = Counter()
    env.transform = CompositeTransform([more])

    assert env._apply_transform(Count(total=1)).total == 2


@pytest.mark.parametrize(("reward", "expected"), [(-3, -1.0), (0.5, 0.5), (True, 1.0), (None, None)])
def test_rewards_are_changed_where_there_are_any(reward: Any, expected: float | None) -> None:
    clipped = RewardTransform(lambda reward: max(-1.0, reward))

    assert clipped(Observation(reward=reward)).reward == expected


def test_one_that_returns_nothing_is_named() -> None:
    def forgetful(observation: Count) -> None:
        observation.total += 1

    with pytest.raises(TypeError, match="expected an Observation from the transform forgetful, got NoneType"):
        CompositeTransform([forgetful])(Count())


def test_what_cannot_be_called_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="expected a Transform, or a function of an observation, got 3"):
        CompositeTransform([3])  # type: ignore[list-item]
