"""A client for any environment, with dictionaries for actions and observations."""

from __future__ import annotations

from typing import Any

from .env_client import EnvClient

__all__ = ["GenericAction", "GenericEnvClient"]


class GenericEnvClient(EnvClient[dict[str, Any], dict[str, Any], dict[str, Any]]):
    """Drives any environment without its package: actions, observations and states are dictionaries."""


class GenericAction(dict[str, Any]):
    """An action made of keywords: `GenericAction(message="Hello")`."""

    def __init__(self, **fields: Any) -> None:
        """Make an action.

        Args:
            **fields: The action's fields.
        """
        super().__init__(**fields)

    def __repr__(self) -> str:
        """Return the call that makes it."""
        return f"GenericAction({', '.join(f'{name}={value!r}' for name, value in self.items())})"
