"""Worlds that draw one at a time."""

import threading
from contextlib import AbstractContextManager, nullcontext
from typing import Any, SupportsFloat

import gymnasium
import numpy as np

__all__ = ["DrawnInTurn"]

# Gymnasium draws by pygame, whose gfxdraw lets other threads run while it fills polygons in a buffer that is the
# process's own: two sessions that draw at once get parts of each other's frames.
_DRAWING = threading.RLock()


class DrawnInTurn(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Draws a world while no other world of the process is drawn or closed."""

    def __init__(self, world: gymnasium.Env[Any, Any]) -> None:
        """Wrap a world.

        Args:
            world: What is drawn; where it draws its observations too, nothing is done in it while another is drawn.
        """
        super().__init__(world)
        self._turn: AbstractContextManager[Any] = _DRAWING if _draws_as_it_goes(world) else nullcontext()

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begin an episode, as the world does."""
        with self._turn:
            return self.env.reset(seed=seed, options=options)

    def step(self, action: Any) -> tuple[Any, SupportsFloat, bool, bool, dict[str, Any]]:
        """Act, as the world does."""
        with self._turn:
            return self.env.step(action)

    def render(self) -> Any:
        """Return what the world looks like."""
        with _DRAWING:
            return self.env.render()

    def close(self) -> None:
        """Close the world, and what draws it."""
        with _DRAWING:
            self.env.close()


def _draws_as_it_goes(world: gymnasium.Env[Any, Any]) -> bool:
    """Tell whether observations are pictures; Atari's are too, but each emulator draws them in a memory of its own."""
    space = world.observation_space
    is_picture = isinstance(space, gymnasium.spaces.Box) and space.dtype == np.uint8 and len(space.shape) == 3
    return is_picture and not (world.spec and world.spec.id.startswith("ALE/"))
