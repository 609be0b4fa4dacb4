"""What the adapters share: names that a model's API takes, and calls that become actions."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from pydantic import ValidationError

from ..core.client_types import StepResult
from ..core.env_server.mcp_types import CallToolAction, Tool
from ..core.env_server.types import Action
from ..core.exceptions import ConfigurationError, InvalidRequestError, RemoteError, StepTimeoutError
from ..core.wire.codec import decode
from .model_call import ModelCall

if TYPE_CHECKING:
    from ..core.env_client import EnvClient
    from ..core.sync_client import SyncEnvClient

__all__ = ["Played", "Toolbox"]

Played: TypeAlias = tuple[ModelCall, object]
"""A model's call, and what came of it."""

# What a model can do something about; anything else ends the conversation.
_TOLD = (RemoteError, StepTimeoutError)
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
            # OpenAI refuses objects without properties, and Anthropic what does not say that it is one.
            whole = {"type": "object", "properties": {}, **tool.input_schema}
            self._tools[self._free_name(tool.name)] = tool.model_copy(update={"input_schema": whole})
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
    def answers(self, played: Sequence[Played]) -> list[dict[str, Any]]:
        """Return what to add to the conversation after a model's message.

        Args:
            played: Each of the message's calls, with what came of it: a step's result, an observation, the value that
                `call_tool` returned, an exception, or `None` for a call that was malformed.
        """

    def play(self, env: SyncEnvClient[Any, Any, Any], response: Any) -> list[Played]:
        """Make the calls in a model's response, one after the other, and return each with what came of it.

        What the environment or a tool refuses or fails is what came of that call, for the model to read. Once the
        episode is done, the calls that are left are answered with that.

        Args:
            env: A sync client.
            response: The model's response.

        Raises:
            OpenEnvError: The session itself failed: it was lost, closed, or gave no answer.
        """
        played: list[Played] = []
        for call in self.calls(response):
            try:
                outcome: object = _over(played) or call.step(env)
            except _TOLD as exc:
                outcome = exc
            played.append((call, outcome))
        return played

    async def play_async(self, env: EnvClient[Any, Any, Any], response: Any) -> list[Played]:
        """Do as `play` does, by an asynchronous client."""
        played: list[Played] = []
        for call in self.calls(response):
            try:
                outcome: object = _over(played) or await call.step_async(env)
            except _TOLD as exc:
                outcome = exc
            played.append((call, outcome))
        return played

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
        named, known_by = str(name), str(call_id or "")
        tool = self._tools.get(named)
        if tool is None:
            told = f"there is no tool {named!r}: expected one of {', '.join(self._tools)}"
            return ModelCall(known_by, named, None, told)
        try:
            fields = self._given(named, _object(arguments))
            return ModelCall(known_by, named, self._as_action(tool, fields))
        except ValidationError as exc:
            rows = [f"{'.'.join(map(str, row['loc']))}: {row['msg']}" for row in exc.errors(include_url=False)]
            return ModelCall(known_by, named, None, f"the arguments of {named} are wrong: {'; '.join(rows)}")
        except ValueError as exc:
            return ModelCall(known_by, named, None, f"the arguments of {named} are no JSON object: {exc}")

    def _given(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Return the arguments that a model gave, without what only stands for their absence."""
        return arguments

    def _as_action(self, tool: Tool, arguments: dict[str, Any]) -> Action:
        if self._action is not None and tool.name == self._action_name:
            return self._action.model_validate(arguments)
        return CallToolAction(tool_name=tool.name, arguments=arguments)


def _over(played: Sequence[Played]) -> Exception | None:
    """Return what is told of a call where the episode was over before it; `None` where it was not."""
    is_done = any(isinstance(outcome, StepResult) and outcome.done for _, outcome in played)
    return InvalidRequestError("the episode ended with an earlier call, so this one was not made") if is_done else None


def _object(arguments: object) -> dict[str, Any]:
    value = arguments if isinstance(arguments, dict) else decode(str(arguments or "{}"))
    # As some servers have it of tools that take nothing.
    value = {} if value is None else value
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
