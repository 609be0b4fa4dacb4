"""Models for the spaces of Gymnasium: every value of a space is one of its model, and comes back as it was."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from pydantic import BaseModel, ValidationError

from openenv.core.env_server.gymnasium_spaces import fields_of, value_of
from openenv.core.exceptions import ConfigurationError
from openenv.scaffold.gymnasium_models import CART_POLE, GymnasiumModels, models_of

SPACES: dict[str, spaces.Space[Any]] = {
    "discrete": spaces.Discrete(3, start=-1),
    "box": spaces.Box(-2.0, 2.0, (2,)),
    "picture": spaces.Box(0, 255, (2, 3, 1), np.uint8),
    "scalar": spaces.Box(-np.inf, np.inf, ()),
    "bits": spaces.MultiBinary(4),
    "choices": spaces.MultiDiscrete([2, 5]),
    "text": spaces.Text(5, min_length=1),
    "pair": spaces.Tuple((spaces.Discrete(2), spaces.Box(0, 1, (1,)))),
    "keyed": spaces.Dict({"where": spaces.Box(0, 1, (2,)), "what": spaces.Discrete(4)}),
}


class World(gymnasium.Env[Any, Any]):
    """Shows what it is told."""

    def __init__(self, space: spaces.Space[Any]) -> None:
        self.action_space = self.observation_space = space


@pytest.fixture
def world_id(request: pytest.FixtureRequest) -> Iterator[str]:
    """Register an environment whose spaces are the test's."""
    name = "OpenEnvWorld-v0"
    gymnasium.register(name, lambda **_: World(request.param), disable_env_checker=True)
    yield name
    del gymnasium.registry[name]


def _model(source: str, imports: str) -> type[BaseModel]:
    names: dict[str, Any] = {}
    # What a project's models.py has above the classes, and a class of these fields.
    text = f"{imports}\nfrom pydantic import BaseModel\nclass Fields(BaseModel):\n{source}\n"
    exec(compile(text, "models.py", "exec", dont_inherit=True), names)  # noqa: S102
    found: type[BaseModel] = names["Fields"]
    return found


@pytest.mark.parametrize("world_id", SPACES.values(), ids=SPACES.keys(), indirect=True)
def test_values_of_a_space_are_those_of_its_model(world_id: str) -> None:
    models = models_of(world_id)
    space = gymnasium.make(world_id).action_space
    model = _model(models.action_source, models.imports)
    space.seed(7)

    for _ in range(5):
        value = space.sample()
        sent = model(**fields_of(space, value, "action"))
        received = value_of(space, model.model_validate_json(sent.model_dump_json()).model_dump(), "action")
        assert space.contains(received)
        assert repr(received) == repr(value)


@pytest.mark.parametrize("world_id", [spaces.Box(0, 255, (16, 16, 3), np.uint8)], indirect=True)
def test_pictures_stay_arrays(world_id: str) -> None:
    models = models_of(world_id)
    assert models.observation == {"observation": "Any"}

    space = gymnasium.make(world_id).observation_space
    fields = fields_of(space, space.sample(), "observation", with_arrays=["observation"])
    seen: Any = _model(models.observation_source, models.imports)(**fields)
    assert seen.observation.dtype == np.uint8


@pytest.mark.parametrize("world_id", [SPACES["box"], SPACES["choices"]], indirect=True)
def test_what_is_no_value_of_a_space_is_none_of_its_model(world_id: str) -> None:
    models = models_of(world_id)

    for wrong in ([0.0], [9, 9], [0, 0, 0], "up"):
        with pytest.raises(ValidationError):
            _model(models.action_source, models.imports)(action=wrong)


@pytest.mark.parametrize("world_id", [spaces.Dict({"reward": spaces.Discrete(2)})], indirect=True)
def test_keys_that_cannot_be_fields_are_told(world_id: str) -> None:
    with pytest.raises(ConfigurationError, match=r"has the keys \['reward'\], which cannot be fields"):
        models_of(world_id)


def test_the_models_that_are_known_without_gymnasium_are_its_own() -> None:
    assert models_of("CartPole-v1") == CART_POLE
    assert isinstance(CART_POLE, GymnasiumModels)
