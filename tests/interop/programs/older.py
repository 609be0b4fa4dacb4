"""An environment and its client by the names of the older distribution."""

# ruff: noqa: UP045  # typed as published code is
# mypy: disable-error-code="type-arg, import-not-found, misc"

from typing import Any, Optional

from openenv_core.client_types import StepResult
from openenv_core.env_client import EnvClient
from openenv_core.env_server import create_app
from openenv_core.env_server.interfaces import Environment
from openenv_core.env_server.types import Action, Observation, State


class Word(Action):
    word: str


class Answer(Observation):
    answer: str = ""


class MirrorEnvironment(Environment):
    def __init__(self) -> None:
        self._state = State(episode_id="mirror", step_count=0)

    def reset(self, seed: Optional[int] = None, episode_id: Optional[str] = None, **kwargs: Any) -> Answer:
        self._state = State(episode_id="mirror", step_count=0)
        return Answer(answer="ready")

    def step(self, action: Word, timeout_s: Optional[float] = None, **kwargs: Any) -> Answer:
        self._state.step_count += 1
        return Answer(answer=action.word[::-1], reward=len(action.word))

    @property
    def state(self) -> State:
        return self._state


class MirrorClient(EnvClient[Word, Answer, State]):
    def _step_payload(self, action: Word) -> dict[str, Any]:
        return {"word": action.word}

    def _parse_result(self, payload: dict[str, Any]) -> StepResult[Answer]:
        return StepResult(
            observation=Answer(answer=payload["observation"]["answer"]),
            reward=payload.get("reward"),
            done=bool(payload.get("done")),
        )

    def _parse_state(self, payload: dict[str, Any]) -> State:
        return State(**payload)


app = create_app(MirrorEnvironment, Word, Answer, env_name="mirror")
