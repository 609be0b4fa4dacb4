"""`GymnasiumEnvironment`."""

from __future__ import annotations

from typing import Annotated

import pytest
from pydantic import Field

from openenv import Action, Environment, Observation, State
from openenv.core.env_server.gymnasium_environment import GymnasiumEnvironment
from openenv.core.exceptions import ConfigurationError


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

    with pytest.raises(ValueError, match=r"expected an action of Discrete\(2\), got"):
        pole.step(PoleAction(action=2))
    assert not pole.step(PoleAction(action=1)).done
    pole.close()


@pytest.mark.parametrize(("name", "said"), [("", "set GYMNASIUM_ID = "), ("NoSuch-v0", "cannot make 'NoSuch-v0'")])
def test_a_class_without_an_id_that_can_be_made_is_told(name: str, said: str) -> None:
    class Nowhere(GymnasiumEnvironment[PoleAction, PoleObservation, State]):
        GYMNASIUM_ID = name

    with pytest.raises(ConfigurationError, match=said):
        Nowhere()
