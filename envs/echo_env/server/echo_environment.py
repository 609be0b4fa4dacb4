"""The echo environment itself."""

from uuid import uuid4

from echo_env.models import EchoAction, EchoObservation
from openenv import Environment, State, tool

__all__ = ["EchoEnvironment"]


class EchoEnvironment(Environment[EchoAction, EchoObservation, State]):
    """Says back what it is told, and rewards every character with 0.1."""

    SUPPORTS_CONCURRENT_SESSIONS = True

    def __init__(self) -> None:
        super().__init__()
        self._state = State()

    def reset(self, seed: int | None = None, episode_id: str | None = None) -> EchoObservation:
        """Begin an episode."""
        self._state = State(episode_id=episode_id or uuid4().hex)
        return EchoObservation(echoed_message="Echo environment ready!")

    def step(self, action: EchoAction, timeout_s: float | None = None) -> EchoObservation:
        """Say the message back."""
        self._state.step_count += 1
        length = len(action.message)
        return EchoObservation(echoed_message=action.message, message_length=length, reward=length / 10)

    @property
    def state(self) -> State:
        """Return where the episode stands."""
        return self._state

    @tool
    def echo_message(self, message: str) -> str:
        """Say a message back.

        Args:
            message: What is to come back.
        """
        return message

    @tool
    def echo_with_length(self, message: str) -> dict[str, str | int]:
        """Say a message back, with its length in characters.

        Args:
            message: What is to come back.
        """
        return {"message": message, "length": len(message)}
