"""An environment driven by lines of text: what they ask for, and what is shown."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ..core.exceptions import ConfigurationError, OpenEnvError, RemoteError, RequestTimeoutError
from ._forms import Form

if TYPE_CHECKING:
    from ..core.client_types import StepResult
    from ..core.env_server.mcp_types import Tool
    from ..core.sync_client import SyncEnvClient

__all__ = ["Game"]

_HELP = """\
reset [name=value …]       begin an episode
step [name=value … | JSON] act; asks for what is left out
call TOOL [name=value …]   call a tool; asks for what is left out
tools                      list the tools
state                      tell where the episode stands
help                       tell this
quit                       end; so does the end of the input"""


class Game:
    """One session of an environment, driven by lines."""

    def __init__(
        self,
        client: SyncEnvClient[Any, Any, Any],
        schemas: Mapping[str, Any],
        ask: Callable[[str], str],
        show: Callable[[str], None],
        *,
        as_json: bool = False,
    ) -> None:
        """Set a game up.

        Args:
            client: What is driven.
            schemas: What `fetch_server_info` tells of the server.
            ask: Returns a line for a prompt; raises `EOFError` where there are no more.
            show: Takes what is to be seen.
            as_json: Whether that is one JSON object a line.
        """
        self._client = client
        self._action = Form.of(schemas.get("action_schema") or {})
        self._reset = Form.of(schemas.get("reset_schema") or {})
        self._ask = ask
        self._show = show
        self._as_json = as_json
        self._tools: dict[str, Tool] = {}
        self._steps = 0
        self._total = 0.0
        self._commands: dict[str, Callable[[str], None]] = {
            "reset": self._do_reset,
            "step": self._do_step,
            "call": self._do_call,
            "tools": self._do_tools,
            "state": self._do_state,
            "help": self._do_help,
        }

    def play(self) -> None:
        """Begin an episode, and do what the lines say until they end."""
        self._tools = {tool.name: tool for tool in self._client.list_tools()}
        self._tried(self._do_reset, "")
        try:
            while self._obey(self._ask("> ").strip()):
                pass
        except EOFError:
            return

    def _obey(self, line: str) -> bool:
        """Do what a line says, and return whether there is to be another."""
        word, _, rest = line.partition(" ")
        if word in {"quit", "exit"}:
            return False
        if line.startswith("{"):
            word, rest = "step", line
        if word in self._commands:
            self._tried(self._commands[word], rest)
        elif word:
            self._fail(f"there is no command {word!r}: expected {', '.join(self._commands)} or quit")
        return True

    def _tried(self, command: Callable[[str], None], rest: str) -> None:
        try:
            command(rest)
        except (ConfigurationError, RemoteError, RequestTimeoutError) as error:
            # After these the session goes on.
            self._fail(_first_line(error))

    def _do_reset(self, rest: str) -> None:
        result = self._client.reset(**self._reset.read(rest))
        self._steps, self._total = 0, 0.0
        self._show_result("reset", result)

    def _do_step(self, rest: str) -> None:
        self._act("step", self._filled(self._action, rest))

    def _do_call(self, rest: str) -> None:
        name, _, arguments = rest.strip().partition(" ")
        if name not in self._tools:
            raise ConfigurationError(f"there is no tool {name!r}: expected {', '.join(self._tools) or 'none'}")
        values = self._filled(Form.of(self._tools[name].input_schema), arguments)
        self._act("call", {"type": "call_tool", "tool_name": name, "arguments": values})

    def _act(self, what: str, action: dict[str, Any]) -> None:
        result = self._client.step(action)
        self._steps += 1
        self._total += float(result.reward or 0)
        self._show_result(what, result)

    def _filled(self, form: Form, rest: str) -> dict[str, Any]:
        """Return the values of a form: those of the line, and for what is missing those that are asked for."""
        values = form.read(rest)
        # Somebody who gives nothing may want to set what could be left out, too.
        asked = form.missing(values) if rest.strip() else list(form.fields.values())
        for field in asked:
            text = self._ask(f"  {field.told}: ")
            if text or field.is_required:
                values[field.name] = field.read(text)
        return values

    def _do_tools(self, rest: str) -> None:
        del rest
        if self._as_json:
            self._tell({"kind": "tools", "tools": [tool.model_dump() for tool in self._tools.values()]})
            return
        for tool in self._tools.values():
            fields = ", ".join(Form.of(tool.input_schema).fields)
            self._show(f"{tool.name}({fields}): {(tool.description or '').partition(chr(10))[0]}")
        if not self._tools:
            self._show("There are no tools.")

    def _do_state(self, rest: str) -> None:
        del rest
        state = self._client.state()
        self._tell({"kind": "state", "state": state}) if self._as_json else self._show(_fields(state))

    def _do_help(self, rest: str) -> None:
        del rest
        self._show(_HELP)
        self._show("\n".join(["The fields of an action:", *(f"  {one.told}" for one in self._action.fields.values())]))

    def _show_result(self, what: str, result: StepResult[Any]) -> None:
        told = {"observation": result.observation, "reward": result.reward, "done": result.done}
        if self._as_json:
            self._tell({"kind": what, "steps": self._steps, **told})
            return
        reward = "" if result.reward is None else f", reward {result.reward:g} (of {self._total:g})"
        heading = what if what == "reset" else f"step {self._steps}"
        self._show("\n".join(line for line in (f"{heading}{reward}", _fields(result.observation)) if line))
        if result.done:
            self._show("The episode is over: reset begins another.")

    def _fail(self, message: str) -> None:
        self._tell({"kind": "error", "message": message}) if self._as_json else self._show(f"error: {message}")

    def _tell(self, fact: Mapping[str, Any]) -> None:
        self._show(json.dumps(fact, default=str))


def _fields(values: Mapping[str, Any]) -> str:
    return "\n".join(f"  {name}: {_shown(value)}" for name, value in values.items() if value not in (None, {}))


def _shown(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)


def _first_line(error: OpenEnvError) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
