"""JSON schemas as tools have them."""

from __future__ import annotations

import math
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaWarningKind
from pydantic_core import PydanticSerializationError

__all__ = ["ToolJsonSchema"]


class ToolJsonSchema(GenerateJsonSchema):
    """Leaves out titles, which only repeat the arguments' names, and defaults that have no JSON form."""

    ignored_warning_kinds: set[JsonSchemaWarningKind] = {"skipped-choice", "non-serializable-default"}  # noqa: RUF012

    def field_title_should_be_set(self, schema: Any) -> bool:
        """Say that no argument needs a title."""
        return False

    def encode_default(self, dft: Any) -> Any:
        """Return a default as JSON; of NaN and the infinities say that they have no form there."""
        encoded = super().encode_default(dft)
        if isinstance(encoded, float) and not math.isfinite(encoded):
            raise PydanticSerializationError(f"{encoded} has no form in JSON")
        return encoded
