"""Models for the spaces of a Gymnasium environment, as source code."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..core.exceptions import ConfigurationError, MissingExtraError

if TYPE_CHECKING:
    from gymnasium import Space

__all__ = ["CART_POLE", "GymnasiumModels", "models_of"]

_RESERVED = {"done", "reward", "metadata", "info", "terminated", "truncated"}
_MOST_IN_LISTS = 256


@dataclass(frozen=True)
class GymnasiumModels:
    """The fields of an environment's models, by their names, as annotations.

    Attributes:
        action: Those of the action.
        observation: Those of the observation.
    """

    action: dict[str, str]
    observation: dict[str, str]

    @property
    def action_source(self) -> str:
        """Return the lines that declare the fields of the action."""
        return _lines(self.action, "What to do.")

    @property
    def observation_source(self) -> str:
        """Return the lines that declare the fields of the observation."""
        return _lines(self.observation, "What is seen.")

    @property
    def imports(self) -> str:
        """Return the imports that both need."""
        source = self.action_source + self.observation_source
        known = [name for name in ("Annotated", "Any") if re.search(rf"\b{name}\b", source)]
        typing = f"from typing import {', '.join(known)}\n\n" if known else ""
        return f"{typing}from openenv import Action, Observation\nfrom pydantic import Field"


# Known without Gymnasium, which need not be installed where a project is made.
CART_POLE = GymnasiumModels(
    {"action": "Annotated[int, Field(ge=0, le=1)]"},
    {"observation": "Annotated[list[float], Field(min_length=4, max_length=4)]"},
)


def models_of(gymnasium_id: str) -> GymnasiumModels:
    """Return the models of an environment, which is made and closed for that.

    Args:
        gymnasium_id: What `gymnasium.make` is given.

    Raises:
        MissingExtraError: Gymnasium is not installed.
        ConfigurationError: It cannot make the environment, or a space has no model.
    """
    try:
        import gymnasium
    except ImportError:
        raise MissingExtraError(f"making models for {gymnasium_id!r}", "gymnasium") from None
    try:
        world = gymnasium.make(gymnasium_id)
    except (gymnasium.error.Error, ImportError) as error:
        raise ConfigurationError(
            f"expected a Gymnasium id such as 'CartPole-v1', got {gymnasium_id!r}: {error}"
        ) from error
    try:
        return GymnasiumModels(
            _fields(world.action_space, "action", gymnasium_id),
            _fields(world.observation_space, "observation", gymnasium_id),
        )
    finally:
        world.close()


def _lines(fields: dict[str, str], told: str) -> str:
    declared = (f'{name}: {annotation} = Field(description="{told}")' for name, annotation in fields.items())
    return "\n".join(f"    {line}" for line in declared)


def _fields(space: Space[Any], name: str, gymnasium_id: str) -> dict[str, str]:
    from gymnasium import spaces

    if not isinstance(space, spaces.Dict):
        return {name: _annotation(space)}
    fields = {str(key): _annotation(inner) for key, inner in space.spaces.items()}
    wrong = [key for key in fields if not key.isidentifier() or key in _RESERVED]
    if wrong:
        raise ConfigurationError(
            f"the {name} space of {gymnasium_id} has the keys {wrong}, which cannot be fields of a model: wrap it, and "
            f"give the wrapper's id"
        )
    return fields


def _annotation(space: Space[Any]) -> str:
    from gymnasium import spaces

    if isinstance(space, spaces.Discrete):
        return _bounded("int", int(space.start), int(space.start + space.n - 1))
    if isinstance(space, spaces.MultiBinary):
        return _nested(_bounded("int", 0, 1), space.shape)
    if isinstance(space, spaces.MultiDiscrete):
        return _nested(_bounded("int", int(space.start.min()), int((space.start + space.nvec - 1).max())), space.shape)
    if isinstance(space, spaces.Box):
        # As lists, pictures would be checked number by number; fields of anything hold arrays as they are.
        return "Any" if math.prod(space.shape) > _MOST_IN_LISTS else _nested(_number(space), space.shape)
    if isinstance(space, spaces.Text):
        return f"Annotated[str, Field(min_length={space.min_length}, max_length={space.max_length})]"
    if isinstance(space, spaces.Tuple):
        return f"tuple[{', '.join(_annotation(inner) for inner in space.spaces)}]"
    return "Any"


def _number(space: Any) -> str:
    """Return the annotation of one number of a box; its bounds where they say something."""
    kind = "float" if space.dtype.kind == "f" else "int"
    low, high = space.low.min(), space.high.max()
    # The largest floats of 32 bits stand for no bound in many environments.
    if not abs(low) < 1e30 or not abs(high) < 1e30:
        return kind
    return _bounded(kind, low.item(), high.item())


def _bounded(kind: str, low: float, high: float) -> str:
    return f"Annotated[{kind}, Field(ge={low}, le={high})]"


def _nested(item: str, shape: tuple[int, ...]) -> str:
    for length in reversed(shape):
        item = f"Annotated[list[{item}], Field(min_length={length}, max_length={length})]"
    return item
