from __future__ import annotations

import dataclasses
import enum
import functools
import inspect
import json
import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal, Optional

import numpy as np
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from openenv.core.exceptions import ConfigurationError, InvalidRequestError
from openenv.core.tools.signature import ToolSignature, read_signature

if TYPE_CHECKING:
    from fractions import Fraction


class Colour(enum.Enum):
    RED = "r"
    BLUE = "b"


class Point(pydantic.BaseModel):
    """A place."""

    x: int
    y: int = 0


class Path(pydantic.BaseModel):
    points: list[Point]


@dataclasses.dataclass
class Box:
    width: float


def _read(function: Callable[..., Any], **options: Any) -> ToolSignature:
    return read_signature(function, "draw", **options)


def test_no_arguments_make_an_empty_object() -> None:
    def draw() -> None: ...

    assert _read(draw).input_schema == {"type": "object", "properties": {}, "additionalProperties": False}
    assert _read(draw).validate({}) == {}


def test_types_defaults_and_descriptions_make_the_schema() -> None:
    def draw(name: str, size: int = 3, ratio: float = 0.5, deep: bool = False, tags: list[str] | None = None) -> None:
        """Draw a shape.

        Args:
            name: What to call it.
            size: How large.
        """

    read = _read(draw)
    assert read.description == "Draw a shape."
    assert read.input_schema == {
        "type": "object",
        "properties": {
            "name": {"type": "string", "description": "What to call it."},
            "size": {"type": "integer", "default": 3, "description": "How large."},
            "ratio": {"type": "number", "default": 0.5},
            "deep": {"type": "boolean", "default": False},
            "tags": {"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "null"}], "default": None},
        },
        "required": ["name"],
        "additionalProperties": False,
    }
    json.dumps(read.input_schema)


def test_enums_and_literals_list_their_values_and_arrive_as_such() -> None:
    def draw(colour: Colour = Colour.RED, side: Literal["left", "right"] = "left") -> None: ...

    read = _read(draw)
    assert read.input_schema["$defs"]["Colour"]["enum"] == ["r", "b"]
    assert read.input_schema["properties"]["colour"]["default"] == "r"
    assert read.input_schema["properties"]["side"]["enum"] == ["left", "right"]
    assert read.validate({"colour": "b", "side": "right"}) == {"colour": Colour.BLUE, "side": "right"}
    with pytest.raises(InvalidRequestError, match=r"'side'.*got 'up'"):
        read.validate({"side": "up"})


def test_nested_models_and_dataclasses_are_made_of_json() -> None:
    def draw(path: Path, box: Box, ends: tuple[Point, Point] | None = None) -> None: ...

    read = _read(draw)
    assert {"Path", "Point", "Box"} <= set(read.input_schema["$defs"])
    given = read.validate({"path": {"points": [{"x": 1}]}, "box": {"width": 2}, "ends": [{"x": 1}, {"x": 2, "y": 3}]})
    assert given == {
        "path": Path(points=[Point(x=1)]),
        "box": Box(2.0),
        "ends": (Point(x=1), Point(x=2, y=3)),
    }


def test_values_of_the_right_type_pass_as_they_are() -> None:
    def draw(point: Point) -> None: ...

    point = Point(x=1)
    assert _read(draw).validate({"point": point})["point"] is point


def test_arrays_and_bytes_survive_json() -> None:
    def draw(mask: np.ndarray, image: bytes) -> None: ...

    given = _read(draw).validate({"mask": [[1, 0]], "image": "AP8="})
    assert isinstance(given["mask"], np.ndarray)
    assert given["mask"].tolist() == [[1, 0]]
    assert given["image"] == b"\x00\xff"


def test_arguments_left_out_are_left_to_the_function() -> None:
    def draw(tags: list[str] = []) -> list[str]:  # noqa: B006 - the default must be the function's own object
        return tags

    assert _read(draw).validate({}) == {}


def test_a_default_of_none_takes_null() -> None:
    def draw(name: str = None, size: Optional[int] = None) -> None: ...  # type: ignore[assignment]  # noqa: RUF013, UP045

    assert _read(draw).validate({"name": None, "size": None}) == {"name": None, "size": None}
    assert {"type": "null"} in _read(draw).input_schema["properties"]["name"]["anyOf"]


def test_names_that_pydantic_keeps_for_itself_are_fine() -> None:
    def draw(_hidden: int, copy: int, json: int, model_config: int, schema: int, self_: int) -> None: ...

    arguments = {name: 1 for name in inspect.signature(draw).parameters}
    assert _read(draw).validate(arguments) == arguments
    assert list(_read(draw).input_schema["properties"]) == list(arguments)


def test_an_unannotated_argument_takes_anything() -> None:
    def draw(thing): ...  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202

    assert _read(draw).input_schema["properties"] == {"thing": {}}
    assert _read(draw).validate({"thing": {"a": [None]}}) == {"thing": {"a": [None]}}


def test_annotated_constraints_and_descriptions_hold() -> None:
    def draw(
        size: Annotated[int, pydantic.Field(gt=0, description="Above zero.")],
        name: Annotated[str, "A name."] = "x",
    ) -> None:
        """Draw.

        Args:
            size: Said less well.
        """

    properties = _read(draw).input_schema["properties"]
    assert properties["size"] == {"type": "integer", "exclusiveMinimum": 0, "description": "Above zero."}
    assert properties["name"]["description"] == "A name."
    with pytest.raises(InvalidRequestError, match=r"'size'.*greater than 0, got 0"):
        _read(draw).validate({"size": 0})


def test_a_default_without_a_json_form_is_not_told() -> None:
    def draw(size: float = 1.0, factory: Any = math.sqrt) -> None: ...

    assert "default" not in _read(draw).input_schema["properties"]["factory"]
    assert "required" not in _read(draw).input_schema


def test_defaults_and_constraints_may_be_given_by_a_field() -> None:
    def draw(
        size: int = Field(3, ge=1, description="How large."),
        tags: list[str] = Field(default_factory=list),  # noqa: B008 - what is tested
        name: str = Field(min_length=2, alias="title"),
        depth: Annotated[int, Field(default=7)] = Field(le=9),
        colour: str = Field(default=None),  # type: ignore[assignment]
    ) -> None:
        """Draw a shape.

        Args:
            size: Lost.
            name: What it is called.
        """

    signature = _read(draw)
    assert signature.input_schema["properties"] == {
        "size": {"default": 3, "minimum": 1, "description": "How large.", "type": "integer"},
        "tags": {"items": {"type": "string"}, "type": "array"},
        "name": {"minLength": 2, "description": "What it is called.", "type": "string"},
        "depth": {"default": 7, "maximum": 9, "type": "integer"},
        "colour": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
    }
    assert signature.input_schema["required"] == ["name"]
    defaults: dict[str, Any] = {"size": 3, "tags": [], "depth": 7, "colour": None}
    assert signature.validate({"name": "box"}) == {"name": "box", **defaults}
    assert signature.defaults() == defaults
    assert signature.defaults()["tags"] is not signature.defaults()["tags"]
    with pytest.raises(InvalidRequestError, match="'size': input should be greater than or equal to 1"):
        signature.validate({"name": "box", "size": 0})


def test_a_default_that_json_lacks_is_not_told() -> None:
    def draw(size: float = math.nan, edge: float = -math.inf) -> None: ...

    assert _read(draw).input_schema["properties"] == {"size": {"type": "number"}, "edge": {"type": "number"}}


def test_a_decorated_function_is_read_through_its_wrapper() -> None:
    def draw(size: int) -> int:
        return size

    @functools.wraps(draw)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return draw(*args, **kwargs)

    assert _read(wrapper).validate({"size": "3"}) == {"size": 3}


def test_self_is_no_argument() -> None:
    class Artist:
        def draw(self, size: int) -> None: ...

    assert _read(Artist.draw, skip_first=True).names == ("size",)


def test_names_of_a_class_are_known_to_its_annotations_but_do_not_hide_builtins() -> None:
    def draw(shape: Shape, sizes: list[int]) -> None: ...

    class Shape(pydantic.BaseModel):
        sides: int

    given = _read(draw, namespace={"Shape": Shape, "list": draw}).validate({"shape": {"sides": 3}, "sizes": [1]})
    assert given == {"shape": Shape(sides=3), "sizes": [1]}


def test_the_return_type_need_not_be_known() -> None:
    def draw(size: int) -> Fraction: ...  # type: ignore[empty-body]

    assert _read(draw).names == ("size",)


def test_an_argument_type_that_is_not_known_is_an_error_that_says_what_to_do() -> None:
    def draw(part: Fraction) -> None: ...

    with pytest.raises(ConfigurationError, match=r"argument 'part' of tool 'draw'.*'Fraction'.*outside `if TYPE_CHECK"):
        _read(draw)


def test_an_argument_type_without_a_json_form_is_an_error() -> None:
    def draw(function: Callable[[int], int]) -> None: ...

    with pytest.raises(ConfigurationError, match="'draw' takes an argument that has no JSON form"):
        _read(draw)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "'name' is missing"),
        ({"name": 3}, "'name': input should be a valid string, got 3"),
        ({"name": "a", "sise": 3}, "'sise' is unknown, did you mean 'size'?"),
        ({"name": "a", "zzz": 3}, "'zzz' is unknown (it takes"),
        ({"name": "a", "at": {"y": 1}}, "'at.x' is missing"),
        ({"size": "x"}, "'name' is missing; 'size': input should be a valid integer"),
    ],
)
def test_invalid_arguments_are_named(arguments: Mapping[str, Any], message: str) -> None:
    def draw(name: str, size: int = 1, at: Point | None = None) -> None: ...

    with pytest.raises(InvalidRequestError) as caught:
        _read(draw).validate(arguments)
    assert message in caught.value.message
    assert "(it takes: name, size, at)" in caught.value.message
    assert caught.value.code == "VALIDATION_ERROR"
    json.dumps(caught.value.details)


def test_a_long_value_is_told_in_short() -> None:
    def draw(size: int) -> None: ...

    with pytest.raises(InvalidRequestError) as caught:
        _read(draw).validate({"size": "x" * 10_000})
    assert len(caught.value.message) < 300


# Types, each with the JSON values that fit it and what they become.
_KINDS: list[tuple[Any, st.SearchStrategy[Any]]] = [
    (int, st.integers(-(2**53), 2**53)),
    (str, st.text()),
    (bool, st.booleans()),
    (float, st.floats(allow_nan=False, allow_infinity=False)),
    (list[int], st.lists(st.integers(-100, 100))),
    (dict[str, bool], st.dictionaries(st.text(), st.booleans())),
    (Optional[str], st.none() | st.text()),  # noqa: UP045 - a value, not an annotation
    (Literal["a", 1], st.sampled_from(["a", 1])),
]
_NAMES = st.from_regex(r"[a-z_][a-z0-9_]{0,10}", fullmatch=True).filter(lambda name: not _is_keyword(name))


def _is_keyword(name: str) -> bool:
    import keyword

    return keyword.iskeyword(name)


@st.composite
def _functions(draw: st.DrawFn) -> tuple[Callable[..., Any], dict[str, Any], set[str]]:
    """Draw a function, arguments that fit it, and the names of those that it cannot do without."""
    empty = inspect.Parameter.empty
    parameters, arguments, required = [], {}, set()
    for name in draw(st.lists(_NAMES, unique=True, max_size=5)):
        kind, values = draw(st.sampled_from(_KINDS))
        default = draw(st.just(empty) | values)
        parameters.append(inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind))
        if default is empty:
            required.add(name)
        if default is empty or draw(st.booleans()):
            arguments[name] = draw(values)

    def function(**given: Any) -> dict[str, Any]:
        return given

    function.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return function, arguments, required


@given(_functions())
def test_schema_and_validation_agree(drawn: tuple[Callable[..., Any], dict[str, Any], set[str]]) -> None:
    function, arguments, required = drawn
    read = _read(function)
    assert set(read.input_schema.get("required", [])) == required
    assert list(read.input_schema["properties"]) == list(inspect.signature(function).parameters)
    assert read.validate(json.loads(json.dumps(arguments))) == arguments
    for name in required:
        with pytest.raises(InvalidRequestError, match=f"'{name}' is missing"):
            read.validate({key: value for key, value in arguments.items() if key != name})
    assert read.input_schema["additionalProperties"] is False
    with pytest.raises(InvalidRequestError, match="'not taken' is unknown"):
        read.validate({**arguments, "not taken": 1})
