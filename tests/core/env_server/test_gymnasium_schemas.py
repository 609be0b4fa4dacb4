"""JSON schemas of Gymnasium's spaces: they describe every value of the space, and none beside it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from gymnasium import spaces

from openenv.core.env_server.gymnasium_schemas import space_schema
from openenv.core.env_server.gymnasium_spaces import plain, space_value
from openenv.testing._schema_values import invalid_objects, problem_with, schema_problem, valid_values

SPACES: dict[str, spaces.Space[Any]] = {
    "discrete": spaces.Discrete(3, start=-1),
    "box": spaces.Box(-2.0, 2.0, (2,)),
    "uneven box": spaces.Box(np.array([-1.0, -np.inf]), np.array([1.0, 3.5]), dtype=np.float64),
    "scalar": spaces.Box(-np.inf, np.inf, ()),
    "picture": spaces.Box(0, 255, (9, 9, 3), np.uint8),
    "bits": spaces.MultiBinary([2, 3]),
    "choices": spaces.MultiDiscrete(np.array([[2, 5], [3, 3]])),
    "many choices": spaces.MultiDiscrete([3] * 70),
    "text": spaces.Text(5, charset="-]^a"),
    "pair": spaces.Tuple((spaces.Discrete(2), spaces.Box(0, 1, (1,)))),
    "alike": spaces.Tuple((spaces.Discrete(2), spaces.Discrete(2))),
    "keyed": spaces.Dict({"where": spaces.Box(0, 1, (2,)), "what": spaces.Discrete(4)}),
    "sequence": spaces.Sequence(spaces.Discrete(4)),
    "one of": spaces.OneOf((spaces.Discrete(2), spaces.Box(5, 6, (1,)))),
}
by_space = pytest.mark.parametrize("space", SPACES.values(), ids=SPACES.keys())


@by_space
def test_every_value_is_described_and_whatever_is_described_is_a_value(space: spaces.Space[Any]) -> None:
    schema = space_schema(space)
    assert schema_problem(schema) == ""

    space.seed(3)
    for _ in range(5):
        assert problem_with(plain(space.sample()), schema) == ""
    for value in valid_values(schema, 5, 0):
        assert space.contains(space_value(space, value))


@by_space
def test_what_is_not_described_is_no_value(space: spaces.Space[Any]) -> None:
    schema = {"type": "object", "properties": {"it": space_schema(space)}, "additionalProperties": True}
    space.seed(3)
    wrong = [value["it"] for _, value in invalid_objects(schema, {"it": plain(space.sample())})]

    assert wrong
    for value in wrong:
        with pytest.raises(ValueError, match="expected an action of"):
            space_value(space, value)


def test_bounds_of_boxes_may_be_left_out() -> None:
    space = spaces.Dict({"where": spaces.Box(0, 1, (2,)), "what": spaces.Discrete(4)})
    schema = space_schema(space, with_bounds=False)["properties"]

    assert schema["where"]["items"] == {"type": "number"}
    assert schema["what"] == {"type": "integer", "minimum": 0, "maximum": 3}


def test_a_space_that_is_not_described_says_what_it_is() -> None:
    assert space_schema(spaces.Graph(spaces.Discrete(2), None)) == {
        "description": "A value of Graph(Discrete(2), None)"
    }
