"""Clients for environments whose actions are tool calls."""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict

from ._client_models import result_as
from .client_types import StepResult
from .env_client import EnvClient
from .env_server.mcp_types import (
    CallToolAction,
    CallToolObservation,
    ListToolsAction,
    ListToolsObservation,
    Tool,
)
from .env_server.types import Observation, State

__all__ = ["MCPClientBase", "MCPToolClient"]


class _AnyObservation(Observation):
    """An observation whose fields are not known here; they are kept as attributes."""

    model_config = ConfigDict(extra="allow")


class MCPClientBase(EnvClient[CallToolAction | ListToolsAction, Observation, State]):
    """Drives an environment by its tools, whose list it remembers."""

    _tools: list[Tool] | None = None

    async def list_tools(self, use_cache: bool = True) -> list[Tool]:
        """Return the tools the environment offers.

        Args:
            use_cache: Whether the list of an earlier call will do.

        Raises:
            OpenEnvError: They could not be listed; the list is never empty for that reason.
        """
        if self._tools is None or not use_cache:
            self._tools = await super().list_tools()
        return self._tools

    def _parse_result(self, payload: dict[str, Any]) -> StepResult[Observation]:
        """Return the result as the observation it is: of a tool call, of a list of tools, or another."""
        fields = payload.get("observation")
        names = fields.keys() if isinstance(fields, dict) else set()
        if "tool_name" in names:
            return result_as(payload, CallToolObservation)
        return result_as(payload, ListToolsObservation if "tools" in names else _AnyObservation)


class MCPToolClient(MCPClientBase):
    """Drives an environment by calling its tools: `await env.call_tool("add", a=1, b=2)`."""

    async def get_tool(self, name: str) -> Tool | None:
        """Return a tool by its name; `None` where there is none."""
        return next((tool for tool in await self.list_tools() if tool.name == name), None)

    async def has_tool(self, name: str) -> bool:
        """Return whether there is a tool of a name."""
        return await self.get_tool(name) is not None
