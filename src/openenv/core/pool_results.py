"""What the sessions of a pool gave, stacked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from .client_types import StepResult
from .exceptions import ConfigurationError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["StackedResults"]

_ObsT = TypeVar("_ObsT")


@dataclass
class StackedResults(Generic[_ObsT]):
    """What many sessions gave, one row for each, in the order of their indices or of their arrival.

    Attributes:
        observations: What the environments showed.
        rewards: The rewards, float64 of shape (n,); NaN where there is none.
        dones: Whether the episodes have ended, bool of shape (n,).
        metadata: What the environments sent along; `None` where nothing.
    """

    observations: list[_ObsT]
    rewards: NDArray[np.float64]
    dones: NDArray[np.bool_]
    metadata: list[dict[str, Any] | None]

    @classmethod
    def of(cls, results: Sequence[StepResult[_ObsT]]) -> StackedResults[_ObsT]:
        """Return results as rows.

        Raises:
            ConfigurationError: numpy is not installed.
        """
        try:
            import numpy as np
        except ImportError as exc:
            raise ConfigurationError("stack=True needs numpy: pip install numpy") from exc
        rewards = (float("nan") if result.reward is None else result.reward for result in results)
        return cls(
            observations=[result.observation for result in results],
            rewards=np.fromiter(rewards, np.float64, len(results)),
            dones=np.fromiter((result.done for result in results), np.bool_, len(results)),
            metadata=[result.metadata for result in results],
        )
