from __future__ import annotations

import dataclasses
import enum
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

import jsonschema
import numpy as np
import pydantic
import pytest
from typing_extensions import TypedDict

from openenv.core.env_server.types import Observation
from openenv.core.media import Image
from openenv.core.tools import McpResult, json_value
from openenv.core.tools.output_schema import read_output_schema

if TYPE_CHECKING:
    pass


class Colour(enum.Enum):
    RED = "r"


class Point(pydantic.BaseModel):
    x: int
    colour: Colour = Colour.RED


class Node(pydantic.BaseModel):
    children: list[Node] = []


class Row(TypedDict):
    name: str


@dataclasses.dataclass
class Box:
    corner: Point


class Board(Observation):
    squares: list[str]


def returning(annotation: Any) -> Callable[..., Any]:
    def function() -> None: ...

    function.__annotations__["return"] = annotation
    function.__signature__ = __import__("inspect").Signature(return_annotation=annotation)  # type: ignore[attr-defined]
    return function


@pytest.mark.parametrize(
    ("annotation", "value", "wrong"),
    [
        (int, 3, "three"),
        (str, "a", 1),
        (float, 1.5, "x"),
        (bool, True, "yes"),
        (list[int], [1, 2], ["a"]),
        (list[Point], [Point(x=1)], [{"y": 1}]),
        (tuple[int, str], (1, "a"), [1]),
        (Point, Point(x=1), {"x": "one"}),
        (Node, Node(children=[Node()]), {"children": [1]}),
        (Row, {"name": "a"}, {}),
        (Box, Box(Point(x=1)), {"corner": 1}),
        (dict[str, int], {"a": 1}, {"a": "b"}),
        (Point | None, None, 3),
        (Point | None, Point(x=1), {"x": "one"}),
        (int | str, "a", [1]),
        (Colour, Colour.RED, "g"),
        (Literal["a", 1], "a", "b"),
        (list[np.ndarray], [np.zeros(2)], 3),
    ],
    ids=str,
)
def test_results_fit_and_nothing_else_does(annotation: Any, value: Any, wrong: Any) -> None:
    schema = read_output_schema(returning(annotation))
    assert schema is not None
    assert schema["type"] == "object"
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(McpResult.of(json_value(value), None, schema).structured_content, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(McpResult.of(wrong, None, schema).structured_content, schema)


def test_what_an_observation_tells_beside_the_result_is_left_out() -> None:
    schema = read_output_schema(returning(Board))
    assert schema is not None
    assert (list(schema["properties"]), schema["required"]) == (["squares"], ["squares"])


@pytest.mark.parametrize(
    "annotation", [Any, None, Image, bytes, list[Image | str], Callable[[int], int], "Fraction", "1 +"]
)
def test_what_says_nothing_of_structure_has_no_schema(annotation: Any) -> None:
    assert read_output_schema(returning(annotation)) is None


def test_without_an_annotation_there_is_no_schema() -> None:
    def draw():  # type: ignore[no-untyped-def]  # noqa: ANN202
        return 3

    assert read_output_schema(draw) is None


def test_names_of_the_class_are_known() -> None:
    def draw() -> Shape: ...  # type: ignore[name-defined]  # noqa: F821

    assert read_output_schema(draw) is None
    assert read_output_schema(draw, {"Shape": Point}) == read_output_schema(returning(Point))
