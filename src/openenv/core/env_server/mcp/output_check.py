"""Whether a tool's result is what its output schema says: clients refuse one that is not."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from ...wire.frames import JsonObject
from . import results

if TYPE_CHECKING:
    from jsonschema.protocols import Validator

__all__ = ["OutputCheck"]


class OutputCheck:
    """Checks the results of one client's calls."""

    def __init__(self) -> None:
        """Make one that knows no schema yet."""
        self._validators: dict[str, Validator] = {}

    async def checked(self, name: str, result: JsonObject, output_schema: dict[str, Any] | None) -> JsonObject:
        """Return a tool's result, or the failure that tells in what it differs from the tool's schema.

        Args:
            name: The tool's name.
            result: Its result, as MCP has it.
            output_schema: What it says of its results, if anything.
        """
        if output_schema is None or result["isError"]:
            return result
        # A long result takes a while.
        problem = await asyncio.to_thread(self._problem, name, result.get("structuredContent"), output_schema)
        if problem is None:
            return result
        told = f"tool {name!r} returned what it says it does not: {problem}"
        return {**results.failed("TypeError", told, "execution_error"), "_meta": result.get("_meta")}

    def _problem(self, name: str, value: Any, output_schema: dict[str, Any]) -> str | None:
        # It comes with the SDK.
        from jsonschema.exceptions import best_match
        from jsonschema.validators import validator_for

        if value is None:
            return "no structured content"
        validator = self._validators.get(name)
        if validator is None or validator.schema is not output_schema:
            validator = self._validators[name] = validator_for(output_schema)(output_schema)
        found = best_match(validator.iter_errors(value))
        return None if found is None else f"{found.json_path}: {found.message}"
