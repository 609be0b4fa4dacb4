"""The OpenAPI document tells the truth: whatever it allows is answered as it says, and nothing is a server error."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from pydantic import Field
from schemathesis import GenerationMode
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import negative_data_rejection

from openenv.core import Action, Environment, Observation, State
from openenv.core.env_server.types import EnvironmentMetadata
from openenv.core.tools import tool
from openenv.testing import RunningServer, serve

from .report import tell

pytestmark = pytest.mark.lengthy


class Place(Action):
    """Nested, so that references in the document are followed."""

    name: str = "here"
    inside: Place | None = None


class Go(Action):
    """Goes to a place."""

    to: Place
    speed: float = 1.0
    with_whom: list[Place] = Field(default_factory=list)


class Arrived(Observation):
    """Where one is now."""

    place: Place | None = None
    speed: float = 0.0


class Travel(Environment[Go, Arrived, State]):
    """Goes wherever it is told."""

    SUPPORTS_CONCURRENT_SESSIONS = True

    def __init__(self) -> None:
        super().__init__()
        self._state = State()

    def reset(self, seed: int | None = None, episode_id: str | None = None) -> Arrived:
        self._state = State(episode_id=episode_id)
        return Arrived()

    def step(self, action: Go, timeout_s: float | None = None) -> Arrived:
        self._state.step_count += 1
        return Arrived(place=action.to, speed=action.speed, reward=1.0)

    @tool
    def distance(self, kilometres: float) -> float:
        """Return a distance in miles."""
        return kilometres * 0.62

    @staticmethod
    def list_splits() -> list[str]:
        return ["0", "train"]

    @staticmethod
    def list_tasks(split: str) -> list[Place]:
        return [Place(name=split), Place(inside=Place())]

    @property
    def state(self) -> State:
        return self._state


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    with serve(Travel, max_concurrent_envs=100_000) as running:
        yield running


@pytest.mark.parametrize("examples", [12, pytest.param(100, marks=[pytest.mark.slow, pytest.mark.timeout(900)])])
@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
def test_answers_are_as_the_document_says(server: RunningServer, mode: GenerationMode, examples: int) -> None:
    document = schemathesis.openapi.from_url(f"{server.base_url}/openapi.json")
    operations = [found.ok() for found in document.get_all_operations() if isinstance(found, Ok)]
    assert {operation.path for operation in operations} >= {
        "/reset",
        "/step",
        "/state",
        "/mcp",
        "/sessions",
        "/metrics",
        "/tasks",
        "/tasks/{split}/{index}",
        "/Travel/task_range",
    }
    asked: Counter[int] = Counter()

    for operation in operations:

        @settings(
            max_examples=examples,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            database=None,
            # The quick run asks the same every time; the long one looks further.
            derandomize=examples < 100,
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def ask(case: schemathesis.Case[Any]) -> None:
            # JSON-RPC tells of what is wrong in an answer that is well.
            excluded: list[Any] = [negative_data_rejection] if case.path == "/mcp" else []
            asked[case.call_and_validate(excluded_checks=excluded).status_code] += 1

        with contextlib.suppress(Unsatisfiable):
            # What takes no arguments cannot be asked wrongly.
            ask()

    assert set(asked) <= {200, 404, 409, 422}
    told = ", ".join(f"{count} × {status}" for status, count in sorted(asked.items()))
    tell(
        f"{len(operations)} operations of the OpenAPI document asked with {mode.value} data",
        f"no 500; all as documented: {told}",
    )


def test_metadata_that_cannot_be_told_is_an_error_as_documented() -> None:
    class Shy(Travel):
        def get_metadata(self) -> EnvironmentMetadata:
            raise LookupError("no name yet")

    with serve(Shy) as server:
        answer = httpx.get(f"{server.base_url}/metadata")

    assert answer.status_code == 500
    assert "no name yet" in answer.json()["detail"]["message"]
