"""Whether an action is a tool call, told without loading the models of tools."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import TypeIs

    from .env_server.mcp_types import CallToolAction, ListToolsAction

__all__ = ["is_tool_action"]

_MODELS = "openenv.core.env_server.mcp_types"


def is_tool_action(action: object) -> TypeIs[CallToolAction | ListToolsAction]:
    """Return whether an action calls or lists tools; before anybody has loaded their models, none does."""
    models = sys.modules.get(_MODELS)
    return models is not None and isinstance(action, (models.CallToolAction, models.ListToolsAction))
