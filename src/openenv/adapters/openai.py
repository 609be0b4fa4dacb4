"""Tools in the terms of OpenAI's two APIs, and of all servers that speak them.

See https://platform.openai.com/docs/guides/function-calling.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..core.media import Image, to_base64
from ._fields import field, rows
from ._results import told
from .model_call import ModelCall
from .toolbox import Played, Toolbox

__all__ = ["OpenAIResponsesTools", "OpenAITools"]


class OpenAITools(Toolbox):
    """The tools of an environment for the Chat Completions API, which vLLM, TGI, llama.cpp and others serve too."""

    def schemas(self) -> list[dict[str, Any]]:
        """Return what `tools=` of a chat completion takes."""
        return [
            {
                "type": "function",
                "function": {"name": name, "description": tool.description, "parameters": tool.input_schema},
            }
            for name, tool in self._tools.items()
        ]

    def calls(self, response: Any) -> list[ModelCall]:
        """Return the calls in a completion, or in the message of one of its choices."""
        choices = rows(response, "choices")
        message = field(choices[0], "message") if choices else response
        return [
            self._call(field(call, "id"), field(function, "name"), field(function, "arguments"))
            for call in rows(message, "tool_calls")
            if (function := field(call, "function")) is not None
        ]

    def answers(self, played: Sequence[Played]) -> list[dict[str, Any]]:
        """Return a `tool` message for each call; it holds text alone, with a word in the place of each picture."""
        return [
            {"role": "tool", "tool_call_id": call.id, "content": told(call, outcome).text} for call, outcome in played
        ]


class OpenAIResponsesTools(Toolbox):
    """The tools of an environment for the Responses API."""

    def schemas(self) -> list[dict[str, Any]]:
        """Return what `tools=` of a response takes."""
        return [
            {
                "type": "function",
                "name": name,
                "description": tool.description,
                "parameters": tool.input_schema,
                # Left out it would be true, which wants schemas in which nothing may be left out.
                "strict": False,
            }
            for name, tool in self._tools.items()
        ]

    def calls(self, response: Any) -> list[ModelCall]:
        """Return the calls in a response's output."""
        return [
            self._call(field(item, "call_id"), field(item, "name"), field(item, "arguments"))
            for item in rows(response, "output")
            if field(item, "type") == "function_call"
        ]

    def answers(self, played: Sequence[Played]) -> list[dict[str, Any]]:
        """Return a `function_call_output` for each call."""
        return [
            {"type": "function_call_output", "call_id": call.id, "output": _output(told(call, outcome).parts)}
            for call, outcome in played
        ]


def _output(parts: list[str | Image]) -> str | list[dict[str, Any]]:
    if len(parts) == 1 and isinstance(parts[0], str):
        return parts[0]
    return [
        {"type": "input_text", "text": part}
        if isinstance(part, str)
        else {"type": "input_image", "image_url": f"data:{part.mime_type};base64,{to_base64(part.data)}"}
        for part in parts
    ]
