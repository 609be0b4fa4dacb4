from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pytest
from pydantic import BaseModel, ConfigDict

from openenv.core.env_server.types import Observation
from openenv.core.wire.content import holds_binary


class Colour(enum.Enum):
    RED = "red"


class Words(Observation):
    text: str = "a"
    numbers: list[float] = [1.0]  # noqa: RUF012 - copied by pydantic
    kind: Literal["a", "b"] = "a"
    table: dict[str, list[int | None]] = {}  # noqa: RUF012
    colour: Colour = Colour.RED


class Frame(Observation):
    pixels: np.ndarray[Any, Any] | None = None
    raw: bytes | None = None


class Around(BaseModel):
    model_config = ConfigDict(arbitrary_types_allowed=True)
    inner: Frame


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")


@dataclass
class Plain:
    value: Any = None
    values: list[Any] = field(default_factory=list)


_PIXELS = np.zeros((2, 2), np.uint8)


@pytest.mark.parametrize(
    "value",
    [
        Frame(pixels=_PIXELS),
        Frame(raw=b"x"),
        Around(inner=Frame(raw=b"")),
        Words(metadata={"image": _PIXELS}),
        Words(metadata={"images": [[{"a": b"x"}]]}),
        Open(image=_PIXELS),
        Plain(_PIXELS),
        Plain(values=[1, 2, (3, b"x")]),
        {"a": {"b": bytearray(b"x")}},
        memoryview(b"x"),
    ],
)
def test_arrays_and_bytes_are_found(value: object) -> None:
    assert holds_binary(value)


@pytest.mark.parametrize(
    "value",
    [
        Words(),
        Words(metadata={"a": [1, "b", None, {"c": 2.0}]}),
        Frame(),
        Around(inner=Frame()),
        Open(a=1),
        Plain(),
        Plain(np.float32(1)),
        {"a": [1, 2, 3]},
        "text",
        None,
        np.array(1.0),
    ],
)
def test_what_json_has_a_form_for_is_left_to_it(value: object) -> None:
    assert not holds_binary(value)


def test_what_holds_itself_is_looked_at_only_so_deep() -> None:
    endless: dict[str, Any] = {}
    endless["again"] = endless
    assert not holds_binary(endless)
