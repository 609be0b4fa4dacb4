"""The terminal environment itself."""

from __future__ import annotations

import random
import re
from typing import Any
from uuid import uuid4

from openenv import Environment
from terminal_env.models import TerminalAction, TerminalObservation, TerminalState
from terminal_env.server.attendance import AttendantError
from terminal_env.server.checks_passed import ChecksPassed
from terminal_env.server.keys import UnknownKeyError, bytes_of
from terminal_env.server.limits import Limits
from terminal_env.server.task import Check, TerminalTask, read_task
from terminal_env.server.terminal_session import Outcome, TerminalSession
from terminal_env.tasks import catalogue

__all__ = ["TerminalEnvironment"]

_COMMAND_S, _TYPED_S = 30.0, 1.0
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


class TerminalEnvironment(Environment[TerminalAction, TerminalObservation, TerminalState]):
    """Gives a bash session in a real terminal, and checks what a task asked for from outside it."""

    SUPPORTS_CONCURRENT_SESSIONS = True

    def __init__(self, limits: Limits | None = None, size: tuple[int, int] = (24, 80)) -> None:
        """Make an environment; its shell starts with the reset, or the first step.

        Args:
            limits: What sessions are held to.
            size: The terminal's rows and columns.
        """
        super().__init__(rubric=ChecksPassed())
        self._limits = limits or Limits()
        self._size = size
        self._session: TerminalSession | None = None
        self._begin(None, None, {})

    def _begin(self, seed: int | None, episode_id: str | None, task: TerminalTask) -> None:
        self.close()
        self._seed = seed
        self._checks: list[Check] = task.get("checks", [])
        self._is_over = False
        self._state = TerminalState(
            episode_id=episode_id or uuid4().hex,
            task=task.get("name", ""),
            steps_left=self._limits.steps if self._checks else None,
        )

    @staticmethod
    def list_splits() -> list[str]:
        """Return the splits of the tasks."""
        return catalogue.split_names()

    @staticmethod
    def list_tasks(split: str) -> list[dict[str, str]]:
        """Return the tasks of a split, without their checks."""
        return catalogue.tasks_of(split)

    def reset(
        self, seed: int | None = None, episode_id: str | None = None, task: dict[str, Any] | None = None
    ) -> TerminalObservation:
        """Begin with a new shell in a fresh directory.

        Args:
            seed: What the files of a task, and `$RANDOM` in the shell, follow from; `None` for chance.
            episode_id: The episode's name.
            task: What is asked for: one that `list_tasks` has, or one of your own; without one the shell is free.
        """
        set_up = {} if task is None else _task(task, seed)
        self._begin(seed, episode_id, set_up)
        self._reset_rubric()
        session = self._living_session()
        if set_up:
            self._prepare(session, set_up)
        return self._observed(None, TerminalObservation(instruction=set_up.get("instruction", "")))

    def _prepare(self, session: TerminalSession, task: TerminalTask) -> None:
        try:
            session.prepare(task.get("files", []), task.get("setup", ""), task.get("start", []))
        except BaseException:
            self.close()
            raise

    def step(self, action: TerminalAction, timeout_s: float | None = None) -> TerminalObservation:
        """Run a command, type, wait, or have the task checked.

        Args:
            action: What to do.
            timeout_s: Seconds that it may wait; no more than the limits say.

        Raises:
            RuntimeError: The episode is over.
        """
        if self._is_over:
            raise RuntimeError("the episode is over: reset begins another")
        self._state.step_count += 1
        try:
            observation = self._done(action, self._living_session(), timeout_s)
        except AttendantError as error:
            self.close()
            self._is_over = bool(self._checks)
            observation = TerminalObservation(error=f"{error}: the session is lost, with its files", shell_ended=True)
        if self._checks:
            self._count(action, observation)
        return observation

    def _done(self, action: TerminalAction, session: TerminalSession, timeout_s: float | None) -> TerminalObservation:
        error = self._problem(action, session)
        if error:
            return self._observed(None, TerminalObservation(error=error))
        if action.submit:
            self._is_over = True
            passed = session.passed(self._checks)
            guards = {check["name"] for check in self._checks if check.get("is_guard", False)}
            return self._observed(
                None,
                TerminalObservation(
                    checks={name: passes for name, passes in passed.items() if name not in guards},
                    guards={name: passes for name, passes in passed.items() if name in guards},
                ),
            )
        most_s = self._limits.wait_s if timeout_s is None else min(timeout_s, self._limits.wait_s)
        default_s = _TYPED_S if action.command is None else _COMMAND_S
        wait_s = min(default_s if action.wait_s is None else action.wait_s, most_s)
        if action.command is not None:
            outcome = session.run(action.command.replace("\r\n", "\n"), wait_s, action.until)
        else:
            typed = (action.text or "").encode("utf-8", "replace") + b"".join(map(bytes_of, action.keys))
            outcome = session.type(typed, wait_s, action.until)
        return self._observed(outcome, TerminalObservation())

    def _problem(self, action: TerminalAction, session: TerminalSession) -> str:
        """Return what keeps an action from being done; nothing if it can be."""
        types = bool(action.text or action.keys)
        if (action.command is not None) + types + action.submit > 1:
            return "expected one of command, text with keys, and submit; got more of them"
        if action.submit and not self._checks:
            return "there is no task to submit: reset with one begins it"
        if action.command is not None and session.is_running:
            return "a program runs, and the shell takes no command: type text, press keys such as C-c, or wait"
        if action.command is not None and _CONTROL.search(action.command.replace("\r\n", "\n")):
            return "expected a command without control characters: type them as text, or press keys"
        try:
            for key in action.keys:
                bytes_of(key)
        except UnknownKeyError as error:
            return str(error)
        return ""

    def _count(self, action: TerminalAction, observation: TerminalObservation) -> None:
        if self._state.steps_left is not None:
            self._state.steps_left -= 1
            self._is_over = self._is_over or self._state.steps_left <= 0
        observation.done = self._is_over
        observation.reward = self._apply_rubric(action, observation)

    def _living_session(self) -> TerminalSession:
        if self._session is None:
            self._session = TerminalSession(self._limits, self._seed, self._size)
            self._state.confinement = self._session.confinement
        return self._session

    def _observed(self, outcome: Outcome | None, observation: TerminalObservation) -> TerminalObservation:
        """Complete an observation by where the terminal stands."""
        session = self._living_session()
        if outcome is not None:
            observation.output, observation.omitted_bytes = outcome.output, outcome.omitted
            observation.error = outcome.error
            observation.shell_ended = outcome.shell_exit_code is not None
        ended = None if outcome is None else outcome.shell_exit_code
        observation.exit_code = session.exit_code if ended is None else ended
        observation.is_running, observation.cwd = session.is_running, session.cwd
        observation.screen, observation.cursor = session.screen.text(), session.screen.cursor()
        self._state.cwd, self._state.is_running = observation.cwd, observation.is_running
        self._state.last_exit_code = observation.exit_code
        return observation

    @property
    def state(self) -> TerminalState:
        """Return where the session stands."""
        return self._state

    def close(self) -> None:
        """End the shell, and all that it started."""
        session, self._session = self._session, None
        if session is not None:
            session.close()


def _task(task: dict[str, Any], seed: int | None) -> TerminalTask:
    if "checks" in task:
        return read_task(task)
    return catalogue.made(str(task.get("name")), random.SystemRandom().getrandbits(32) if seed is None else seed)
