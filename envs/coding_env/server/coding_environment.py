"""The coding environment itself."""

from __future__ import annotations

from uuid import uuid4

from coding_env.models import CodeAction, CodeObservation, CodeState
from coding_env.server.limits import Limits
from coding_env.server.python_session import Outcome, PythonSession
from coding_env.server.task_set import CodingTask, UnitTest, find_tests, has_passed, split_names, tasks_of
from coding_env.server.tests_passed import TestsPassed
from openenv import Environment

__all__ = ["CodingEnvironment"]

_TEST_S = 2.0


class CodingEnvironment(Environment[CodeAction, CodeObservation, CodeState]):
    """Runs Python in a confined process that keeps its variables, and rewards code by the unit tests of a task."""

    SUPPORTS_CONCURRENT_SESSIONS = True

    def __init__(self, limits: Limits | None = None) -> None:
        """Make an environment; its process starts with the first code.

        Args:
            limits: What the code is held to.
        """
        super().__init__(rubric=TestsPassed())
        self._limits = limits or Limits()
        self._session: PythonSession | None = None
        self._begin(None, None)

    def _begin(self, seed: int | None, episode_id: str | None) -> None:
        self.close()
        self._seed = seed
        self._tests: list[UnitTest] = []
        self._is_over = False
        self._state = CodeState(episode_id=episode_id or uuid4().hex)

    @staticmethod
    def list_splits() -> list[str]:
        """Return the splits of the tasks."""
        return split_names()

    @staticmethod
    def list_tasks(split: str) -> list[CodingTask]:
        """Return the tasks of a split, without their tests."""
        return tasks_of(split)

    def reset(
        self, seed: int | None = None, episode_id: str | None = None, task: CodingTask | None = None
    ) -> CodeObservation:
        """Begin with no variables.

        Args:
            seed: What the module `random` begins with in the code.
            episode_id: The episode's name.
            task: What is asked for; without one code just runs.
        """
        tests = [] if task is None else find_tests(task)
        self._begin(seed, episode_id)
        self._reset_rubric()
        self._tests = tests
        return CodeObservation(prompt="" if task is None else _prompt(task), tests_total=len(tests))

    def step(self, action: CodeAction, timeout_s: float | None = None) -> CodeObservation:
        """Run code.

        Args:
            action: The code.
            timeout_s: Seconds that it may take; no more than the limits say.
        """
        self._state.step_count += 1
        session = self._living_session()
        outcome = session.run(action.code, timeout_s)
        self._state.last_exit_code = outcome.exit_code
        observation = _observed(outcome)
        if self._tests:
            observation.tests_total = len(self._tests)
            observation.tests_passed = 0 if session.is_closed else self._passed(session)
            if session.is_closed and observation.session_lost is None:
                observation.session_lost = "a test of the task ended the process, and its variables are gone"
            self._is_over = self._is_over or observation.tests_passed == observation.tests_total
            observation.done = self._is_over
            observation.reward = self._apply_rubric(action, observation)
        return observation

    def _living_session(self) -> PythonSession:
        if self._session is None or self._session.is_closed:
            self._session = PythonSession(self._limits, self._seed)
            self._state.confinement = self._session.confinement
        return self._session

    def _passed(self, session: PythonSession) -> int:
        found = session.values_of([test["call"] for test in self._tests], _TEST_S)
        return sum(map(has_passed, self._tests, found))

    @property
    def state(self) -> CodeState:
        """Return where the session stands."""
        return self._state

    def close(self) -> None:
        """End the process, and all that it started."""
        session, self._session = self._session, None
        if session is not None and not session.is_closed:
            session.close()


def _prompt(task: CodingTask) -> str:
    example = task.get("example")
    return "\n".join(part for part in (task.get("prompt", ""), example and f"For example, {example}.") if part)


def _observed(outcome: Outcome) -> CodeObservation:
    return CodeObservation(
        stdout=outcome.stdout,
        stderr=outcome.stderr,
        exit_code=outcome.exit_code,
        value=outcome.value,
        session_lost=outcome.lost,
    )
