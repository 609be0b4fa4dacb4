from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import json
import math
import uuid
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from openenv.core.env_server.types import Observation
from openenv.core.wire.codec import EncodeError, decode, encode, encode_observation, readable, strict_json


class Colour(enum.Enum):
    RED = "red"


class Cell(BaseModel):
    colour: Colour
    at: datetime.datetime


@dataclasses.dataclass
class Point:
    x: int
    colour: Colour


class Tensor:
    """What torch and jax have in common with arrays."""

    def tolist(self) -> list[float]:
        return [0.5, math.inf]


class Broken:
    def tolist(self) -> list[float]:
        raise KeyError("no values")


def _type(value: object) -> str | None:
    return type(value).__name__


WHEN = datetime.datetime(2024, 2, 29, 12, 30, tzinfo=datetime.timezone.utc)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.arange(6).reshape(2, 3), [[0, 1, 2], [3, 4, 5]]),
        (np.array([0.1, 2], dtype=np.float32), [0.10000000149011612, 2.0]),
        (np.array(7), 7),
        (np.array([], dtype=np.float64), []),
        (np.array([True, False]), [True, False]),
        (np.float32(0.5), 0.5),
        (np.int64(3), 3),
        (np.bool_(True), True),
        ({np.int64(3): np.int8(1)}, {"3": 1}),
        ({"deep": [{"array": np.ones(2)}]}, {"deep": [{"array": [1.0, 1.0]}]}),
        (Tensor(), [0.5, math.inf]),
        (WHEN, "2024-02-29T12:30:00Z"),
        (datetime.timedelta(seconds=90), "PT1M30S"),
        (Colour.RED, "red"),
        (Point(1, Colour.RED), {"x": 1, "colour": "red"}),
        (Cell(colour=Colour.RED, at=WHEN), {"colour": "red", "at": "2024-02-29T12:30:00Z"}),
        ({"set"}, ["set"]),
        ((1, 2), [1, 2]),
        (decimal.Decimal("1.10"), "1.10"),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (Path("a/b"), "a/b"),
        (2**100, 2**100),
        ({1: "a", None: "b"}, {"1": "a", "None": "b"}),
    ],
    ids=_type,
)
def test_values_have_a_json_form(value: object, expected: object) -> None:
    assert decode(encode(value)) == expected
    assert json.loads(encode(value)) == expected


def test_nan_and_infinities_travel_as_such() -> None:
    back = decode(encode([math.nan, math.inf, -math.inf, np.array([math.nan]), np.float32("nan")]))
    assert math.isnan(back[0])
    assert back[1:3] == [math.inf, -math.inf]
    assert math.isnan(back[3][0])
    assert math.isnan(back[4])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a text", "a text"),
        (math.nan, "NaN"),
        (-math.inf, "-Infinity"),
        (0.5, "0.5"),
        ({"loss": [math.nan, 1]}, '{"loss":["NaN",1]}'),
    ],
)
def test_people_and_models_read_valid_json(value: object, text: str) -> None:
    assert readable(value) == text


def test_what_people_are_to_read_may_have_no_json_form_either() -> None:
    with pytest.raises(EncodeError, match="object cannot be sent"):
        readable([object()])


@pytest.mark.parametrize("value", [b"\xff\xfe\xfb", bytearray(b"\xff\xfe\xfb"), memoryview(b"\xff\xfe\xfb")], ids=_type)
def test_bytes_of_any_kind_travel_in_one_form(value: object) -> None:
    assert decode(encode({"data": value})) == {"data": decode(encode(b"\xff\xfe\xfb"))}


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (object(), "builtins.object cannot be sent"),
        ({"deep": [lambda: None]}, "function cannot be sent"),
        ("lone \ud800 surrogate", "surrogates not allowed"),
        ({"\ud800": 1}, "surrogates not allowed"),
        (Broken(), "no values"),
    ],
    ids=["object", "function", "surrogate", "surrogate key", "broken array"],
)
def test_what_has_no_json_form_is_named(value: object, told: str) -> None:
    with pytest.raises(EncodeError, match=told):
        encode(value)


def test_what_holds_itself_is_refused() -> None:
    endless: list[object] = []
    endless.append(endless)
    with pytest.raises(EncodeError, match="ircular"):
        encode(endless)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)


@given(json_values)
def test_json_values_come_back_as_they_went(value: object) -> None:
    assert decode(encode(value)) == value


@given(st.text() | st.binary())
def test_what_is_not_json_is_a_value_error(text: str | bytes) -> None:
    try:
        decode(text)
    except ValueError:
        return
    json.loads(text)


class View(Observation):
    pixels: np.ndarray
    blob: bytes = b""


def test_an_observation_has_reward_done_and_metadata_beside_it() -> None:
    view = View(pixels=np.zeros((1, 2)), reward=0.5, done=True, metadata={"step": np.int64(1)})
    assert json.loads(encode_observation(view)) == {
        "observation": {"pixels": [[0.0, 0.0]], "blob": "", "metadata": {"step": 1}},
        "reward": 0.5,
        "done": True,
        "metadata": {"step": 1},
    }


def test_metadata_stands_beside_an_observation_only_where_there_is_some() -> None:
    assert json.loads(encode_observation(Observation())) == {
        "observation": {"metadata": {}},
        "reward": None,
        "done": False,
    }


@pytest.mark.parametrize("reward", [0, 1.5, True, False, -0.0, 1e300, 5e-324, 2**70, math.inf, None, np.float64(0.25)])
def test_rewards_come_back_as_they_went(reward: float | None) -> None:
    back = decode(encode_observation(Observation(reward=reward)))["reward"]
    assert back == reward
    assert type(back) is (type(None) if reward is None else type(reward) if type(reward) in {int, bool} else float)


def test_strict_json_has_null_for_what_json_lacks() -> None:
    written = strict_json(encode({"a": math.nan, "b": [math.inf, 1.5]}))
    assert json.loads(written, parse_constant=pytest.fail) == {"a": None, "b": [None, 1.5]}
