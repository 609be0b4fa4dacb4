"""Values of JSON schemas: those that are described, and those that are not."""

from __future__ import annotations

import datetime
import json
import uuid
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field, TypeAdapter, ValidationError
from typing_extensions import TypedDict

from openenv.testing._schema_values import invalid_objects, problem_with, schema_problem, valid_values


class Tree(BaseModel):
    value: int
    children: list[Tree] = Field(default_factory=list)


class Options(TypedDict, total=False):
    depth: int


class Everything(BaseModel, extra="forbid"):
    whole: int
    counted: Annotated[int, Field(ge=0, lt=4)]
    even: Annotated[int, Field(gt=-9, multiple_of=2)]
    share: Annotated[float, Field(gt=0, lt=1)]
    quarter: Annotated[float, Field(ge=0, le=1, multiple_of=0.25)]
    square: Annotated[str, Field(pattern="^[a-h][1-8]$")]
    word: Annotated[str, Field(min_length=2, max_length=3)]
    choice: Literal["a", 1, None]
    pair: tuple[int, str]
    some: Annotated[list[bool], Field(min_length=1, max_length=2)]
    unlike: set[int]
    named: dict[str, float]
    tree: Tree
    options: Options
    day: datetime.date
    moment: datetime.datetime
    hour: datetime.time
    span: datetime.timedelta
    number: uuid.UUID
    perhaps: int | str | None = None


SCHEMA = Everything.model_json_schema()


def test_a_model_takes_what_its_schema_describes() -> None:
    values = valid_values(SCHEMA, 30, seed=1)

    assert len(values) == 30
    for value in values:
        Everything.model_validate_json(json.dumps(value))


def test_one_seed_gives_one_series() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"], "title": "of this test"}

    one, another = (valid_values({**schema, "title": "once"}, 20, seed) for seed in (3, 4))
    again = valid_values({**schema, "title": "again"}, 20, seed=3)

    assert one == again != another


def test_few_values_come_more_than_once() -> None:
    assert set(valid_values({"enum": ["left", "right"]}, 9, seed=0)) == {"left", "right"}
    assert len(valid_values({"const": 1}, 9, seed=0)) == 9


def test_where_no_value_can_be_there_is_none() -> None:
    assert valid_values({"type": "integer", "minimum": 2, "maximum": 3, "not": {"type": "integer"}}, 5, seed=0) == []


def test_a_model_refuses_what_its_schema_does_not_describe() -> None:
    [valid] = valid_values(SCHEMA, 1, seed=0)

    invalid = dict(invalid_objects(SCHEMA, valid))

    assert {"without 'whole'", "with a field that there is not", "with 'counted' as -1"} <= set(invalid)
    assert len(invalid) == len(SCHEMA["required"]) + 1 + len(SCHEMA["properties"])
    for value in invalid.values():
        with pytest.raises(ValidationError):
            Everything.model_validate_json(json.dumps(value))


def test_fields_that_there_are_not_may_be_good_ones() -> None:
    schema: dict[str, Any] = {"type": "object", "properties": {}}

    assert [what for what, _ in invalid_objects(schema, {})] == ["with a field that there is not"]
    assert list(invalid_objects(schema, {}, may_have_more=True)) == []
    assert list(invalid_objects({**schema, "additionalProperties": True}, {})) == []


def test_a_value_that_differs_is_told_with_its_place() -> None:
    schema = TypeAdapter(list[Tree]).json_schema()

    assert problem_with([{"value": 1, "children": []}], schema) == ""
    assert problem_with([{"value": "one"}], schema) == "0.value: 'one' is not of type 'integer'"


def test_what_is_no_schema_is_told() -> None:
    assert schema_problem(SCHEMA) == ""
    assert "'text' is not valid" in schema_problem({"properties": {"a": {"type": "text"}}})
