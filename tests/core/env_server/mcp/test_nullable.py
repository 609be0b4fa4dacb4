from __future__ import annotations

import pytest

from openenv.core.env_server.mcp.nullable import nullable


@pytest.mark.parametrize(
    ("schema", "told"),
    [
        ({"type": "number", "minimum": 0}, {"type": ["number", "null"], "minimum": 0}),
        ({"type": ["string", "number"]}, {"type": ["string", "number", "null"]}),
        ({"items": {"type": "number"}, "type": "array"}, {"items": {"type": ["number", "null"]}, "type": "array"}),
        (
            {"anyOf": [{"type": "number"}, {"type": "string"}]},
            {"anyOf": [{"type": ["number", "null"]}, {"type": "string"}]},
        ),
        # A property may have the name of a keyword.
        ({"properties": {"type": {"type": "number"}}}, {"properties": {"type": {"type": ["number", "null"]}}}),
    ],
)
def test_where_a_number_may_stand_there_may_be_null(schema: object, told: object) -> None:
    assert nullable(schema) == told
    assert nullable(told) == told


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "integer"},
        {"oneOf": [{"type": "number"}, {"type": "null"}]},
        {"not": {"type": "number"}},
        {"const": {"type": "number"}},
        True,
    ],
)
def test_what_would_mean_something_else_is_left(schema: object) -> None:
    assert nullable(schema) == schema
