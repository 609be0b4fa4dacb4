"""JSON schemas as tools have them."""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaWarningKind

__all__ = ["ToolJsonSchema"]


class ToolJsonSchema(GenerateJsonSchema):
    """Leaves out titles, which only repeat the arguments' names, and defaults that have no JSON form."""

    ignored_warning_kinds: set[JsonSchemaWarningKind] = {"skipped-choice", "non-serializable-default"}  # noqa: RUF012

    def field_title_should_be_set(self, schema: Any) -> bool:
        """Say that no argument needs a title."""
        return False
