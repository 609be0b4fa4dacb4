"""Forms made of JSON schemas."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field

from openenv import Action
from openenv.cli._forms import Form, FormField
from openenv.core.exceptions import ConfigurationError


class Place(BaseModel):
    x: int


class Move(Action):
    kind: Literal["move"] = "move"
    piece: Literal["king", "queen"]
    steps: Annotated[int, Field(ge=1, le=8, description="How far.")] = 1
    to: Place
    speed: float | None = None
    note: str = ""
    loud: bool = False
    path: list[int] = Field(default_factory=list)


FORM = Form.of(Move.model_json_schema())


def test_a_form_asks_for_what_people_decide() -> None:
    assert list(FORM.fields) == ["piece", "steps", "to", "speed", "note", "loud", "path"]
    assert [field.name for field in FORM.missing({"to": {}})] == ["piece"]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("piece", "piece (king or queen)"),
        ("steps", "steps (integer, 1 to 8, 1 if left out), How far"),
        ("speed", "speed (number or null, optional)"),
        ("to", "to (object)"),
    ],
)
def test_a_field_tells_what_it_takes(name: str, told: str) -> None:
    assert FORM.fields[name].told == told


@pytest.mark.parametrize(
    ("line", "values"),
    [
        ("", {}),
        ("piece=king steps=3", {"piece": "king", "steps": 3}),
        ("note='two words' loud=true", {"note": "two words", "loud": True}),
        ("speed=null", {"speed": None}),
        ("speed=2", {"speed": 2}),
        ("path='[1, 2]' note=7", {"path": [1, 2], "note": "7"}),
        ("to='{\"x\": 1}'", {"to": {"x": 1}}),
        ('{"piece": "king", "anything": 1}', {"piece": "king", "anything": 1}),
    ],
)
def test_a_line_gives_values(line: str, values: dict[str, Any]) -> None:
    assert FORM.read(line) == values


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("piece=rook", "expected piece as king or queen, got 'rook'"),
        ("steps=two", "expected steps as a whole number, such as 3, got 'two'"),
        ("steps=true", "expected steps as a whole number"),
        ("loud=1", "expected loud as true or false, got '1'"),
        ("speed=fast", "expected speed as a number, such as 0.5 or null"),
        ("colour=red", "there is no field 'colour': expected piece, steps"),
        ("king", "expected name=value or a JSON object, got 'king'"),
        ("note='open", "cannot be read: No closing quotation"),
        ("{piece: king}", "expected a JSON object"),
    ],
)
def test_what_a_field_does_not_take_is_told(line: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        FORM.read(line)


def test_a_field_of_any_kind_takes_json_or_text() -> None:
    field = FormField("value", {}, is_required=True)

    assert [field.read("3"), field.read("three")] == [3, "three"]
