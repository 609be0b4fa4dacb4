"""The counter's client, with the three methods that openenv 0.10 demands."""

from typing import Any

from openenv.core.client_types import StepResult
from openenv.core.env_client import EnvClient
from tests.interop.programs.counter import Board, CounterState, Move


class CounterClient(EnvClient[Move, Board, CounterState]):
    def _step_payload(self, action: Move) -> dict[str, Any]:
        return {"text": action.text, "amount": action.amount}

    def _parse_result(self, payload: dict[str, Any]) -> StepResult[Board]:
        board = Board(**payload.get("observation", {}), reward=payload.get("reward"), done=payload.get("done", False))
        return StepResult(observation=board, reward=payload.get("reward"), done=payload.get("done", False))

    def _parse_state(self, payload: dict[str, Any]) -> CounterState:
        return CounterState(**payload)
