"""Transforms to build others from."""

from __future__ import annotations

from collections.abc import Iterable

from .interfaces import Transform
from .types import Observation

__all__ = ["CompositeTransform", "NullTransform"]


class NullTransform(Transform[Observation]):
    """Leaves every observation as it is."""

    def __call__(self, observation: Observation) -> Observation:
        """Return the observation."""
        return observation


class CompositeTransform(Transform[Observation]):
    """Applies several transforms, one after the other.

    Attributes:
        transforms: What is applied, in order.
    """

    def __init__(self, transforms: Iterable[Transform[Observation]]) -> None:
        """Make one of many.

        Args:
            transforms: What to apply, in order.
        """
        self.transforms = list(transforms)

    def __call__(self, observation: Observation) -> Observation:
        """Return the observation after the last transform."""
        for transform in self.transforms:
            observation = transform(observation)
        return observation
