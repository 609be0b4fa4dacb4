"""OpenAI's strict mode: schemas in which nothing may be left out, and what models give by them."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
from pydantic import BaseModel, Field

from openenv.adapters import OpenAIResponsesTools, OpenAITools
from openenv.adapters._strict import strict_schema, without_nulls
from openenv.core.env_server.mcp_types import Tool
from openenv.core.sync_client import SyncEnvClient


class Leaf(BaseModel):
    size: int = 1
    note: str | None = None


class Tree(BaseModel):
    name: str
    leaf: Leaf = Leaf()
    leaves: list[Leaf] = Field(default_factory=list)
    kind: Leaf | int = 3


def _strict(schema: dict[str, Any]) -> dict[str, Any]:
    told = strict_schema(schema)
    assert told is not None
    return told


def _objects(schema: Any) -> list[dict[str, Any]]:
    """Return every object in a schema."""
    if isinstance(schema, list):
        return [found for part in schema for found in _objects(part)]
    if not isinstance(schema, dict):
        return []
    own = [schema] if schema.get("type") == "object" else []
    return own + [found for part in schema.values() for found in _objects(part)]


def test_nothing_may_be_left_out_and_nothing_added() -> None:
    told = _strict(Tree.model_json_schema())
    assert len(_objects(told)) == 2
    for schema in _objects(told):
        assert schema["required"] == list(schema["properties"])
        assert schema["additionalProperties"] is False
    assert "default" not in json.dumps(told)
    assert told["properties"]["leaf"] == {"anyOf": [{"$ref": "#/$defs/Leaf"}, {"type": "null"}]}
    assert told["$defs"]["Leaf"]["properties"]["note"] == {"anyOf": [{"type": "string"}, {"type": "null"}]}


def test_nulls_that_stand_for_what_is_left_out_are_taken_away() -> None:
    schema = Tree.model_json_schema()
    leaf = {"size": None, "note": None}
    given = {"name": "oak", "leaf": leaf, "leaves": [leaf, {"size": 2, "note": "red"}], "kind": leaf}
    jsonschema.validate(given, _strict(schema))
    told = without_nulls(given, schema)
    assert told == {
        "name": "oak",
        "leaf": {"note": None},
        "leaves": [{"note": None}, {"size": 2, "note": "red"}],
        "kind": {"note": None},
    }
    Tree.model_validate(told)
    assert without_nulls({"name": None, "other": None}, schema) == {"name": None, "other": None}


@pytest.mark.parametrize(
    "part",
    [
        {},
        {"type": "object"},
        {"type": "object", "additionalProperties": {"type": "integer"}},
        {"type": "array"},
        {"type": "array", "prefixItems": [{"type": "integer"}]},
        {"allOf": [{"type": "integer"}]},
    ],
)
def test_what_strict_mode_cannot_say_is_left(part: dict[str, Any]) -> None:
    schema = {"type": "object", "properties": {"part": part}, "required": ["part"]}
    assert strict_schema(schema) is None
    tools = [
        Tool(name="loose", description="", input_schema=schema),
        Tool(name="bare", description="", input_schema={}),
    ]
    loose, _ = OpenAITools(tools, strict=True).schemas()
    assert loose["function"] == {"name": "loose", "description": "", "parameters": schema}
    assert OpenAIResponsesTools(tools, strict=True).schemas()[0]["strict"] is False


def test_a_call_in_strict_mode_is_played(env: SyncEnvClient[Any, Any, Any]) -> None:
    toolbox = OpenAITools(env.list_tools(), strict=True)
    schema = next(each["function"] for each in toolbox.schemas() if each["function"]["name"] == "add")
    assert schema["strict"] is True
    assert schema["parameters"]["required"] == ["a", "b"]
    called = {"id": "1", "function": {"name": "add", "arguments": '{"a": 1, "b": null}'}}
    [answer] = toolbox.answers(toolbox.play(env, {"tool_calls": [called]}))
    assert answer["content"] == "2"
    # Without it, null is what the model said.
    plain = OpenAITools(env.list_tools())
    [answer] = plain.answers(plain.play(env, {"tool_calls": [called]}))
    assert "'b': input should be a valid integer" in answer["content"]
