"""`GymnasiumEnvironment`."""

from __future__ import annotations

from typing import Annotated, Any

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from numpy.typing import NDArray
from pydantic import Field

from openenv import Action, Environment, Observation, State
from openenv.core.env_server.gymnasium_environment import GymnasiumEnvironment
from openenv.core.exceptions import ConfigurationError, InvalidRequestError


class PoleAction(Action):
    action: int


class PoleObservation(Observation):
    observation: Annotated[list[float], Field(min_length=4, max_length=4)]
    truncated: bool = False


class Pole(GymnasiumEnvironment[PoleAction, PoleObservation, State]):
    GYMNASIUM_ID = "CartPole-v1"


def test_an_episode_is_counted_and_ends() -> None:
    pole: Environment[PoleAction, PoleObservation, State] = Pole(max_episode_steps=3)
    pole.reset(seed=1, episode_id="first")
    seen = [pole.step(PoleAction(action=number % 2)) for number in range(3)]

    assert [each.done for each in seen] == [False, False, True]
    assert (seen[-1].truncated, seen[-1].reward) == (True, 1.0)
    assert (pole.state.episode_id, pole.state.step_count) == ("first", 3)
    with pytest.raises(RuntimeError, match="the episode is over: reset begins another"):
        pole.step(PoleAction(action=0))
    assert pole.reset(seed=1) == pole.reset(seed=1)
    pole.close()


def test_an_action_outside_the_space_is_refused_and_the_episode_goes_on() -> None:
    pole = Pole()
    pole.reset(seed=1)

    with pytest.raises(InvalidRequestError, match=r"expected an action of Discrete\(2\), got 2"):
        pole.step(PoleAction(action=2))
    assert not pole.step(PoleAction(action=1)).done
    pole.close()


@pytest.mark.parametrize(("name", "said"), [("", "set GYMNASIUM_ID = "), ("NoSuch-v0", "cannot make 'NoSuch-v0'")])
def test_a_class_without_an_id_that_can_be_made_is_told(name: str, said: str) -> None:
    class Nowhere(GymnasiumEnvironment[PoleAction, PoleObservation, State]):
        GYMNASIUM_ID = name

    with pytest.raises(ConfigurationError, match=said):
        Nowhere()


class Move(Action):
    action: Any


class Seen(Observation):
    where: NDArray[np.float32] | None
    what: int
    terminated: bool = False
    info: dict[str, Any]


class Whole(Observation):
    observation: Any


_PLACE = spaces.Dict({"where": spaces.Box(0, 1, (2,)), "what": spaces.Discrete(4)})


class Place(gymnasium.Env[Any, Any]):
    """Is where it is told to be, until it is at what is 3."""

    def __init__(self) -> None:
        self.action_space = self.observation_space = _PLACE

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        return {"where": np.zeros(2, np.float32), "what": np.int64(0)}, {"found": np.arange(2)}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        return action, 2.0, bool(action["what"] == 3), False, {"found": np.arange(2)}


class Places(GymnasiumEnvironment[Move, Seen, State]):
    """Has a field of an array, and one for a number."""


class WholePlaces(GymnasiumEnvironment[Move, Whole, State]):
    """Has one field for all."""


def test_arrays_stay_arrays_where_the_model_has_them() -> None:
    places = Places(Place())
    first = places.reset()
    last = places.step(Move(action={"where": [0.5, 1], "what": 3}))

    assert isinstance(first.where, np.ndarray)
    assert isinstance(last.where, np.ndarray)
    assert (last.where.tolist(), str(last.where.dtype), last.what) == ([0.5, 1.0], "float32", 3)
    assert (last.terminated, last.done, last.info, last.metadata) == (True, True, {"found": [0, 1]}, {})


def test_one_field_may_hold_what_has_keys() -> None:
    places = WholePlaces(Place())
    places.reset()
    with pytest.raises(InvalidRequestError, match=r"expected an action of Box\(.*\) as action.where, got \[0.5\]"):
        places.step(Move(action={"where": [0.5], "what": 3}))
    seen = places.step(Move(action={"where": np.array([0.5, 1]), "what": 3}))

    assert seen.observation["what"] == 3
    np.testing.assert_array_equal(seen.observation["where"], np.array([0.5, 1], np.float32))
    assert seen.metadata == {"found": [0, 1]}


def test_a_rubric_may_change_the_reward() -> None:
    places = Places(Place(), rubric=lambda _, observation: observation.reward * 10)
    places.reset()

    assert places.step(Move(action={"where": [0, 0], "what": 0})).reward == 20.0
