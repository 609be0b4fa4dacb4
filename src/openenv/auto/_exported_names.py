"""What a package exports, read from its source: for lists, which must not run what they list."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from .._syntax import tree_of

if TYPE_CHECKING:
    from ._discovery import InstalledEnvironment

__all__ = ["action_name"]

_TOOL_CALL = "CallToolAction"
_OURS = {_TOOL_CALL, "ListToolsAction", "GenericAction", "AutoAction", "Action"}


def action_name(environment: InstalledEnvironment) -> str:
    """Return the name of an environment's action class; empty where its files do not tell it."""
    if environment.manifest.action:
        return environment.manifest.action.rpartition(":")[2]
    if environment.directory is None:
        return ""
    wanted = environment.name.replace("_", "") + "action"
    seen: set[str] = set()
    for file in ("__init__.py", "models.py"):
        names = set(_names(environment.directory / file))
        own = {name for name in names if name.endswith("Action") and name not in _OURS}
        likeliest = [name for name in own if name.lower() == wanted] or list(own)
        if len(likeliest) == 1:
            return likeliest[0]
        seen |= names
    return _TOOL_CALL if seen & {_TOOL_CALL, "MCPToolClient"} else ""


def _names(path: Path) -> Iterator[str]:
    """Say which names a module's top level imports, defines or declares."""
    try:
        statements = tree_of(path.read_text(encoding="utf-8")).body
    except (OSError, ValueError, SyntaxError):
        return
    for statement in statements:
        if isinstance(statement, ast.ClassDef):
            yield statement.name
        elif isinstance(statement, (ast.Import, ast.ImportFrom)):
            yield from (alias.asname or alias.name for alias in statement.names)
        elif isinstance(statement, (ast.Assign, ast.AnnAssign)) and statement.value is not None:
            constants = (node for node in ast.walk(statement.value) if isinstance(node, ast.Constant))
            yield from (constant.value for constant in constants if isinstance(constant.value, str))
