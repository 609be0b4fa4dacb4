from __future__ import annotations

import dataclasses
import json
from typing import Any

import numpy as np
import pydantic
import pytest

from openenv.core.media import Image
from openenv.core.tools import McpResult, json_value, mcp_result, plain_result
from openenv.core.wire.codec import EncodeError


class Point(pydantic.BaseModel):
    x: int


@dataclasses.dataclass
class Box:
    corner: Point


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("text", "text"),
        (3, 3),
        (None, None),
        (True, True),
        ((1, "a"), [1, "a"]),
        (Point(x=1), {"x": 1}),
        ([Box(Point(x=2))], [{"corner": {"x": 2}}]),
        ({"a": Point(x=1)}, {"a": {"x": 1}}),
        (np.arange(3), [0, 1, 2]),
        (np.float64(0.5), 0.5),
        (b"\x00\xff", "AP8="),
    ],
)
def test_a_result_becomes_json(value: Any, expected: Any) -> None:
    assert json_value(value) == expected
    json.dumps(json_value(value))


def test_a_value_without_a_json_form_is_refused() -> None:
    with pytest.raises(EncodeError, match="object"):
        json_value({"a": object()})


@pytest.mark.parametrize("value", ["text", 3, [1, 2], {"a": 1}, None, {"data": 1, "content": []}, "", 0, False])
def test_a_result_in_the_shape_of_mcp_gives_back_its_value(value: Any) -> None:
    shaped = mcp_result(value)
    json.dumps(shaped)
    assert plain_result(shaped) == value
    assert type(plain_result(shaped)) is type(value)
    assert shaped["is_error"] is False


def test_the_shape_of_mcp_is_kept() -> None:
    once = McpResult.of([1])
    assert mcp_result(once) == dataclasses.asdict(once)
    assert once.structured_content == {"result": [1]}
    assert once.content == [{"type": "text", "text": "[1]", "annotations": None, "meta": None}]


@pytest.mark.parametrize("value", ["x", {"data": 5}, {"content": [], "data": 1}, [1], None])
def test_a_result_in_any_other_shape_is_left_alone(value: Any) -> None:
    assert plain_result(value) == value


def test_a_result_without_data_gives_what_else_there_is() -> None:
    text = {"type": "text", "text": "hi"}
    image = {"type": "image", "data": "AP8=", "mimeType": "image/png"}
    shape: dict[str, Any] = {"content": [text], "structured_content": None, "data": None, "is_error": False}
    assert plain_result(shape) == "hi"
    shown = Image(data=b"\x00\xff")
    assert plain_result({**shape, "content": [image]}) == shown
    assert plain_result({**shape, "content": [text, image]}) == ["hi", shown]
    assert plain_result({**shape, "structured_content": {"a": 1}}) == {"a": 1}
    assert plain_result({**shape, "structured_content": {"result": None}}) is None
    assert plain_result({**shape, "content": []}) is None
