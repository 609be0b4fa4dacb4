"""What a client gives back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

__all__ = ["StepResult"]

_ObsT = TypeVar("_ObsT")


@dataclass
class StepResult(Generic[_ObsT]):
    """What a reset or a step gave.

    Attributes:
        observation: What the environment showed.
        reward: The step's reward; `None` where it has none.
        done: Whether the episode has ended.
        metadata: What the environment sent along; `None` where nothing.
    """

    observation: _ObsT
    reward: float | None = None
    done: bool = False
    metadata: dict[str, Any] | None = None
