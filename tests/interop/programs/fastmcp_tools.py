"""An environment whose tools stand in a FastMCP server, as published ones do."""

# ruff: noqa: UP045  # typed as published code is
# mypy: disable-error-code="type-arg, import-not-found, untyped-decorator"

from typing import Any, Optional

from fastmcp import FastMCP

from openenv.core.env_server.http_server import create_app
from openenv.core.env_server.mcp_environment import MCPEnvironment
from openenv.core.env_server.mcp_types import CallToolAction, CallToolObservation
from openenv.core.env_server.types import Action, Observation, State


class ToolsEnvironment(MCPEnvironment):
    SUPPORTS_CONCURRENT_SESSIONS = True

    def __init__(self) -> None:
        mcp = FastMCP("tools")
        self.remembered: list[str] = []

        @mcp.tool
        def add(a: int, b: int = 1) -> int:
            """Add two numbers."""
            return a + b

        @mcp.tool
        def remember(text: str) -> dict[str, Any]:
            """Keep a text and give back all that were kept."""
            self.remembered.append(text)
            return {"kept": list(self.remembered)}

        @mcp.tool
        def shout(text: str) -> str:
            """Say it loud."""
            return text.upper()

        @mcp.tool
        def fail(text: str) -> str:
            """Never works."""
            raise ValueError(f"too far: {text}")

        super().__init__(mcp)
        self._state = State(episode_id="tools")

    def reset(self, seed: Optional[int] = None, episode_id: Optional[str] = None, **kwargs: Any) -> Observation:
        self._state = State(episode_id=episode_id or "tools")
        return Observation(done=False, reward=0.0, metadata={"status": "ready"})

    def _step_impl(self, action: Action, timeout_s: Optional[float] = None, **kwargs: Any) -> Observation:
        raise ValueError(f"no tool call: {type(action).__name__}")

    @property
    def state(self) -> State:
        return self._state


app = create_app(ToolsEnvironment, CallToolAction, CallToolObservation, env_name="tools", max_concurrent_envs=16)
