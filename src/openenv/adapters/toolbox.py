"""What the adapters share: names that a model's API takes, and calls that become actions."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import ValidationError

from ..core.env_server.mcp_types import CallToolAction, Tool
from ..core.env_server.types import Action
from ..core.exceptions import ConfigurationError
from ..core.wire.codec import decode
from .model_call import ModelCall

__all__ = ["Toolbox"]

_FORBIDDEN = re.compile(r"[^a-zA-Z0-9_-]")


class Toolbox(ABC):
    """The tools of an environment, as one API of models knows them.

    Attributes:
        longest_name: How many characters a name may have in that API.
    """

    longest_name = 64

    def __init__(self, tools: Iterable[Tool], *, action: type[Action] | None = None, action_name: str = "act") -> None:
        """Take in an environment's tools.

        Args:
            tools: What `list_tools()` returned.
            action: A class of actions that is offered as a tool too, for an environment without tools.
            action_name: What that tool is called.

        Raises:
            ConfigurationError: There is nothing to offer, or two tools have the same name.
        """
        self._action = action
        self._action_name = action_name
        self._tools: dict[str, Tool] = {}
        for tool in [*tools, *([] if action is None else [_action_tool(action, action_name)])]:
            if any(tool.name == other.name for other in self._tools.values()):
                raise ConfigurationError(f"expected tools of different names, got {tool.name!r} twice")
            self._tools[self._free_name(tool.name)] = tool
        if not self._tools:
            raise ConfigurationError("expected tools: pass what list_tools() returned, or action=…, an action class")

    @property
    def tools(self) -> dict[str, Tool]:
        """Return the tools by the names that the model knows them by."""
        return dict(self._tools)

    @abstractmethod
    def schemas(self) -> list[dict[str, Any]]:
        """Return the tools as the API takes them."""

    @abstractmethod
    def calls(self, response: Any) -> list[ModelCall]:
        """Return the calls in a model's response: the library's object, or the dict it stands for."""

    @abstractmethod
    def answers(self, played: Sequence[tuple[ModelCall, object]]) -> list[dict[str, Any]]:
        """Return what to add to the conversation after a model's message.

        Args:
            played: Each of the message's calls, with what came of it: a step's result, an observation, the value that
                `call_tool` returned, an exception, or `None` for a call that was malformed.
        """

    def _free_name(self, name: str) -> str:
        """Return the name of a tool as the API takes it, and nobody else has it."""
        wanted = _FORBIDDEN.sub("_", name)[: self.longest_name] or "tool"
        free, number = wanted, 2
        while free in self._tools:
            ending = f"_{number}"
            free, number = wanted[: self.longest_name - len(ending)] + ending, number + 1
        return free

    def _call(self, call_id: object, name: object, arguments: object) -> ModelCall:
        """Return a model's call, with its action or with what is wrong with it."""
        named = str(name)
        tool = self._tools.get(named)
        if tool is None:
            told = f"there is no tool {named!r}: expected one of {', '.join(self._tools)}"
            return ModelCall(str(call_id), named, None, told)
        try:
            fields = _object(arguments)
            return ModelCall(str(call_id), named, self._as_action(tool, fields))
        except ValidationError as exc:
            rows = [f"{'.'.join(map(str, row['loc']))}: {row['msg']}" for row in exc.errors(include_url=False)]
            return ModelCall(str(call_id), named, None, f"the arguments of {named} are wrong: {'; '.join(rows)}")
        except ValueError as exc:
            return ModelCall(str(call_id), named, None, f"the arguments of {named} are no JSON object: {exc}")

    def _as_action(self, tool: Tool, arguments: dict[str, Any]) -> Action:
        if self._action is not None and tool.name == self._action_name:
            return self._action.model_validate(arguments)
        return CallToolAction(tool_name=tool.name, arguments=arguments)


def _object(arguments: object) -> dict[str, Any]:
    value = arguments if isinstance(arguments, dict) else decode(str(arguments or "{}"))
    if not isinstance(value, dict):
        raise ValueError(f"got {type(value).__name__}")
    return value


def _action_tool(action: type[Action], name: str) -> Tool:
    schema = action.model_json_schema()
    for field in ("metadata",):
        schema.get("properties", {}).pop(field, None)
    schema.pop("title", None)
    description = str(schema.pop("description", "") or f"Act in the environment by a {action.__name__}.")
    return Tool(name=name, description=description, input_schema=schema)
