"""Transforms to build others from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ..exceptions import ConfigurationError
from .interfaces import Transform
from .types import Observation

__all__ = ["CompositeTransform", "NullTransform", "RewardTransform"]


class NullTransform(Transform[Any]):
    """Leaves every observation as it is."""

    def __call__(self, observation: Observation) -> Observation:
        """Return the observation."""
        return observation


class RewardTransform(Transform[Any]):
    """Changes the reward of every observation that has one: `RewardTransform(lambda reward: max(-1.0, reward))`.

    Attributes:
        function: What gives the new reward for the old one.
    """

    def __init__(self, function: Callable[[Any], float]) -> None:
        """Make a transform.

        Args:
            function: Returns the new reward for the old one.
        """
        self.function = function

    def __call__(self, observation: Observation) -> Observation:
        """Return the observation with its new reward."""
        if observation.reward is not None:
            observation.reward = float(self.function(observation.reward))
        return observation


class CompositeTransform(Transform[Any]):
    """Applies several transforms, one after the other.

    Attributes:
        transforms: What is applied, in order.
    """

    def __init__(self, transforms: Iterable[Callable[[Any], Any]]) -> None:
        """Make one of many.

        Args:
            transforms: What to apply, in order: transforms, or any functions of an observation that return one.

        Raises:
            ConfigurationError: One of them cannot be called.
        """
        self.transforms: list[Callable[[Any], Any]] = []
        for transform in transforms:
            self.append(transform)

    def append(self, transform: Callable[[Any], Any]) -> None:
        """Have one more applied, after the others.

        Raises:
            ConfigurationError: It cannot be called.
        """
        if not callable(transform):
            raise ConfigurationError(f"expected a Transform, or a function of an observation, got {transform!r:.80}")
        self.transforms.append(transform)

    def __len__(self) -> int:
        return len(self.transforms)

    def __iter__(self) -> Iterator[Callable[[Any], Any]]:
        return iter(self.transforms)

    def __getitem__(self, index: int) -> Callable[[Any], Any]:
        return self.transforms[index]

    def __call__(self, observation: Observation) -> Observation:
        """Return the observation after the last transform.

        Raises:
            TypeError: One of them returned something else.
        """
        for transform in self.transforms:
            changed = transform(observation)
            if not isinstance(changed, Observation):
                name = getattr(transform, "__name__", type(transform).__name__)
                raise TypeError(f"expected an Observation from the transform {name}, got {type(changed).__name__}")
            observation = changed
        return observation
