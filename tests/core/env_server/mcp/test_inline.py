from __future__ import annotations

import enum
import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from openenv.core.env_server.mcp.inline import inlined


class Side(enum.Enum):
    LEFT = "left"
    RIGHT = "right"


class Door(BaseModel):
    kind: Literal["door"] = "door"
    side: Side = Field(Side.LEFT, description="Which one.")


class Window(BaseModel):
    kind: Literal["window"] = "window"
    discriminator: Side


class Wall(BaseModel):
    parts: list[Annotated[Door | Window, Field(discriminator="kind")]]
    by_side: dict[Side, Door]


class Box(BaseModel):
    inside: Box | None = None


def test_definitions_stand_where_they_are_referred_to() -> None:
    schema = inlined(Wall.model_json_schema())
    assert "$ref" not in json.dumps(schema)
    assert "$defs" not in json.dumps(schema)
    door, window = schema["properties"]["parts"]["items"]["oneOf"]
    assert door["properties"]["side"]["enum"] == ["left", "right"]
    assert door["properties"]["side"]["description"] == "Which one."
    # The name of a property, and no keyword.
    assert window["properties"]["discriminator"]["enum"] == ["left", "right"]
    assert schema["properties"]["by_side"]["propertyNames"]["enum"] == ["left", "right"]


def test_what_holds_itself_is_left() -> None:
    schema = Box.model_json_schema()
    assert inlined(schema) == schema


def test_what_refers_to_nothing_is_left() -> None:
    plain: dict[str, Any] = {"type": "object", "properties": {"$ref": {"type": "string"}}}
    assert inlined(plain) is plain
    odd = {"$defs": {"A": {"type": "string"}}, "anyOf": [{"$ref": "#/$defs/B"}, {"const": {"$ref": "#/$defs/A"}}]}
    assert inlined(odd) == {"anyOf": odd["anyOf"]}
