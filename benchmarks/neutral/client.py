"""The neutral environment's client, with the three methods that openenv 0.10 demands."""

from typing import Any

from benchmarks.neutral.models import Heard, Word
from openenv.core.client_types import StepResult
from openenv.core.env_client import EnvClient
from openenv.core.env_server.types import State

__all__ = ["NeutralClient"]


class NeutralClient(EnvClient[Word, Heard, State]):
    """Talks to the neutral environment."""

    def _step_payload(self, action: Word) -> dict[str, Any]:
        return {"text": action.text, "sleep_s": action.sleep_s}

    def _parse_result(self, payload: dict[str, Any]) -> StepResult[Heard]:
        reward, done = payload.get("reward"), payload.get("done", False)
        heard = Heard(**payload.get("observation", {}), reward=reward, done=done)
        return StepResult(observation=heard, reward=reward, done=done)

    def _parse_state(self, payload: dict[str, Any]) -> State:
        return State(**payload)
