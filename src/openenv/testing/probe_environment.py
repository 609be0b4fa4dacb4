"""The environment of the probe."""

from __future__ import annotations

from ..core.env_server.interfaces import Environment
from ..core.env_server.types import Action, Observation, State

__all__ = ["ProbeAction", "ProbeEnvironment", "ProbeObservation"]


class ProbeAction(Action):
    """Adds to the total.

    Attributes:
        amount: How much.
    """

    amount: int


class ProbeObservation(Observation):
    """Shows the total.

    Attributes:
        total: The sum of all amounts since the reset.
    """

    total: int


class ProbeEnvironment(Environment[ProbeAction, ProbeObservation, State]):
    """Adds up."""

    SUPPORTS_CONCURRENT_SESSIONS = True

    def __init__(self) -> None:
        super().__init__()
        self._total = 0
        self._state = State()

    def reset(self, seed: int | None = None, episode_id: str | None = None) -> ProbeObservation:
        """Begin at nought."""
        self._total = 0
        self._state = State(episode_id=episode_id)
        return ProbeObservation(total=0)

    def step(self, action: ProbeAction, timeout_s: float | None = None) -> ProbeObservation:
        """Add."""
        self._total += action.amount
        self._state.step_count += 1
        return ProbeObservation(total=self._total, reward=1.0)

    @property
    def state(self) -> State:
        """Return where the episode stands."""
        return self._state
