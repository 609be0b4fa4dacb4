"""Tools in the terms of OpenAI's two APIs, and of all servers that speak them.

See https://platform.openai.com/docs/guides/function-calling.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from ..core.media import Image, to_base64
from ._fields import field, rows
from ._results import told
from ._strict import strict_schema, without_nulls
from .model_call import ModelCall
from .toolbox import Played, Toolbox

if TYPE_CHECKING:
    from ..core.env_server.mcp_types import Tool
    from ..core.env_server.types import Action

__all__ = ["OpenAIResponsesTools", "OpenAITools"]


class _StrictToolbox(Toolbox):
    """Tools that may bind models to their schemas."""

    def __init__(
        self,
        tools: Iterable[Tool],
        *,
        action: type[Action] | None = None,
        action_name: str = "act",
        strict: bool = False,
    ) -> None:
        """Take in an environment's tools.

        Args:
            tools: What `list_tools()` returned.
            action: A class of actions that is offered as a tool too, for an environment without tools.
            action_name: What that tool is called.
            strict: Whether models are held to the schemas, by the API's strict mode. Tools whose schemas cannot be said
                there, such as those of free-form objects, are offered without.

        Raises:
            ConfigurationError: There is nothing to offer, or two tools have the same name.
        """
        super().__init__(tools, action=action, action_name=action_name)
        schemas = {name: strict_schema(tool.input_schema) for name, tool in self._tools.items()} if strict else {}
        self._strict = {name: schema for name, schema in schemas.items() if schema is not None}

    def _given(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        if name not in self._strict:
            return arguments
        given: dict[str, Any] = without_nulls(arguments, self._tools[name].input_schema)
        return given

    def _functions(self) -> list[dict[str, Any]]:
        """Return the functions as both APIs tell them."""
        return [
            {
                "name": name,
                "description": tool.description,
                "parameters": self._strict.get(name, tool.input_schema),
                **({"strict": True} if name in self._strict else {}),
            }
            for name, tool in self._tools.items()
        ]


class OpenAITools(_StrictToolbox):
    """The tools of an environment for the Chat Completions API, which vLLM, TGI, llama.cpp and others serve too."""

    def schemas(self) -> list[dict[str, Any]]:
        """Return what `tools=` of a chat completion takes."""
        return [{"type": "function", "function": function} for function in self._functions()]

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
        """Return a `tool` message for each call; it holds text alone, with a word in the place of each picture.

        It names the call by its id, or by the tool where the call had none, as for the chat templates of tokenizers.
        """
        return [
            {
                "role": "tool",
                **({"tool_call_id": call.id} if call.id else {"name": call.name}),
                "content": told(call, outcome).text,
            }
            for call, outcome in played
        ]


class OpenAIResponsesTools(_StrictToolbox):
    """The tools of an environment for the Responses API."""

    def schemas(self) -> list[dict[str, Any]]:
        """Return what `tools=` of a response takes."""
        # Left out it would be true, which wants schemas in which nothing may be left out.
        return [{"type": "function", "strict": False, **function} for function in self._functions()]

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
