# ruff: noqa: UP006, UP035  # typed as published code is

from typing import Any, Dict

from openenv.core.client_types import StepResult
from openenv.core.env_client import EnvClient

from .models import GridAction, GridObservation, GridState


class GridEnv(EnvClient[GridAction, GridObservation, GridState]):
    def _step_payload(self, action: GridAction) -> Dict[str, Any]:
        return action.model_dump(exclude={"metadata"})

    def _parse_result(self, payload: Dict[str, Any]) -> StepResult[GridObservation]:
        data = payload.get("observation", {})
        observation = GridObservation(
            position=data.get("position", []),
            legal=data.get("legal", {}),
            note=data.get("note"),
            done=payload.get("done", False),
            reward=payload.get("reward"),
            metadata=data.get("metadata", {}),
        )
        return StepResult(observation=observation, reward=payload.get("reward"), done=payload.get("done", False))

    def _parse_state(self, payload: Dict[str, Any]) -> GridState:
        return GridState(
            episode_id=payload.get("episode_id"), step_count=payload.get("step_count", 0), goal=payload["goal"]
        )
