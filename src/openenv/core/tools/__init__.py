"""Tools: methods of an environment that agents call by name."""

from __future__ import annotations

from ..media import Audio, Image
from .calling import (
    ToolCall,
    list_tools_observation,
    observe_failure,
    observe_result,
    observe_unknown_tool,
    prepare_call,
)
from .context import ToolContext
from .decorator import ToolMode, tool
from .prompt import prompt
from .registry import BoundTool, ToolSpec, find_tool, tools_of
from .results import McpResult, json_value, mcp_result, plain_result

__all__ = [
    "Audio",
    "BoundTool",
    "Image",
    "McpResult",
    "ToolCall",
    "ToolContext",
    "ToolMode",
    "ToolSpec",
    "find_tool",
    "json_value",
    "list_tools_observation",
    "mcp_result",
    "observe_failure",
    "observe_result",
    "observe_unknown_tool",
    "plain_result",
    "prepare_call",
    "prompt",
    "tool",
    "tools_of",
]
