"""Tools in the terms of Anthropic's Messages API.

See https://docs.anthropic.com/en/docs/agents-and-tools/tool-use/overview.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..core.media import Image, to_base64
from ._fields import field, rows
from ._results import told
from .model_call import ModelCall
from .toolbox import Played, Toolbox

__all__ = ["AnthropicTools"]


class AnthropicTools(Toolbox):
    """The tools of an environment for the Messages API."""

    longest_name = 128

    def schemas(self) -> list[dict[str, Any]]:
        """Return what `tools=` of a message takes."""
        return [
            {"name": name, "description": tool.description, "input_schema": tool.input_schema}
            for name, tool in self._tools.items()
        ]

    def calls(self, response: Any) -> list[ModelCall]:
        """Return the calls in a model's message."""
        return [
            self._call(field(block, "id"), field(block, "name"), field(block, "input"))
            for block in rows(response, "content")
            if field(block, "type") == "tool_use"
        ]

    def answers(self, played: Sequence[Played]) -> list[dict[str, Any]]:
        """Return the one user message that holds the results of all calls; none where there was no call."""
        blocks = [_block(call, outcome) for call, outcome in played]
        return [{"role": "user", "content": blocks}] if blocks else []


def _block(call: ModelCall, outcome: object) -> dict[str, Any]:
    said = told(call, outcome)
    # The API refuses texts that are blank.
    parts = [part for part in said.parts if isinstance(part, Image) or part.strip()]
    block = {"type": "tool_result", "tool_use_id": call.id, "content": [_part(part) for part in parts]}
    return {**block, "is_error": True} if said.is_error else block


def _part(part: str | Image) -> dict[str, Any]:
    if isinstance(part, str):
        return {"type": "text", "text": part}
    source = {"type": "base64", "media_type": part.mime_type, "data": to_base64(part.data)}
    return {"type": "image", "source": source}
