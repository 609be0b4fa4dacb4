"""A model's call of a tool."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..core.client_types import StepResult
    from ..core.env_client import EnvClient
    from ..core.env_server.types import Action
    from ..core.sync_client import SyncEnvClient

__all__ = ["ModelCall"]


@dataclass(frozen=True)
class ModelCall:
    """What a model wants done.

    Attributes:
        id: The model's id for the call, which the answer repeats; empty where it has none.
        name: The tool's name, as the model said it.
        action: What to do: the action of a step; `None` where the call is malformed.
        error: Why the call is malformed, for the model to read; empty where it is not.
    """

    id: str
    name: str
    action: Action | None
    error: str = ""

    def step(self, env: SyncEnvClient[Any, Any, Any]) -> StepResult[Any] | None:
        """Do it, and return what came of it; nothing where the call is malformed.

        Args:
            env: A sync client.

        Raises:
            OpenEnvError: The step failed.
        """
        return None if self.action is None else env.step(self.action)

    async def step_async(self, env: EnvClient[Any, Any, Any]) -> StepResult[Any] | None:
        """Do it, and return what came of it; nothing where the call is malformed.

        Args:
            env: An asynchronous client.

        Raises:
            OpenEnvError: The step failed.
        """
        return None if self.action is None else await env.step(self.action)
