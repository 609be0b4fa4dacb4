"""The SQL environment itself."""

import random
from typing import Any
from uuid import uuid4

from openenv import Environment
from sql_env.models import SqlAction, SqlObservation, SqlState
from sql_env.server.comparison import is_same_answer
from sql_env.server.database import Database, QueryError, Result
from sql_env.server.questions import Question, questions_of, script_of, splits
from sql_env.server.rewards import SqlRubric

__all__ = ["SqlEnvironment"]

_MOST_QUERIES = 10
_MOST_ROWS = 100
_MOST_ANSWER_ROWS = 1000
_TIMEOUT_S = 2.0
_SHOWN, _HIDDEN = "0", "7"


class SqlEnvironment(Environment[SqlAction, SqlObservation, SqlState]):
    """Asks a question over a database, and takes queries until one of them is the answer."""

    SUPPORTS_CONCURRENT_SESSIONS = True

    def __init__(self) -> None:
        super().__init__(rubric=SqlRubric())
        self._database: Database | None = None
        self._state = SqlState()
        self._is_over = True

    @staticmethod
    def list_splits() -> list[str]:
        """Return the splits; the databases of one are in no other."""
        return splits()

    @staticmethod
    def list_tasks(split: str) -> list[dict[str, str]]:
        """Return the questions of a split, without their answers."""
        return [{"id": asked.id, "database": asked.database, "question": asked.text} for asked in questions_of(split)]

    def reset(
        self, seed: int | None = None, episode_id: str | None = None, task: dict[str, Any] | None = None
    ) -> SqlObservation:
        """Ask a question.

        Args:
            seed: What a question of the split `train` is chosen by where none is given; `None` for chance.
            episode_id: The episode's name; `None` to choose one.
            task: The question, as `list_tasks` has it; its `id` is enough.

        Raises:
            ValueError: There is no such task.
        """
        question = random.Random(seed).choice(questions_of("train")) if task is None else _question(task)  # noqa: S311
        self.close()
        self._database = Database(script_of(question.database).replace("$SHIFT", _SHOWN))
        self._question = question
        self._tables = self._database.tables()
        self._is_over = False
        self._reset_rubric()
        self._state = SqlState(
            episode_id=episode_id or uuid4().hex,
            database=question.database,
            question=question.text,
            queries_left=_MOST_QUERIES,
        )
        return self._observation()

    def step(self, action: SqlAction, timeout_s: float | None = None) -> SqlObservation:
        """Run a query; where it is handed in, compare its result with the answer.

        Raises:
            RuntimeError: No episode has begun, or it is over.
        """
        if self._database is None or self._is_over:
            raise RuntimeError("no question is asked: reset asks one")
        self._state.step_count += 1
        self._state.queries_left -= 1
        self._is_over = action.submit or not self._state.queries_left
        seconds = min(timeout_s or _TIMEOUT_S, _TIMEOUT_S)
        observation = self._observation()
        try:
            _show(observation, self._database.run(action.sql, most_rows=_MOST_ROWS, timeout_s=seconds))
            if action.submit:
                observation.is_correct = self._is_correct(action.sql, seconds)
        except QueryError as error:
            observation.error = str(error)
            observation.is_correct = False if action.submit else None
        observation.done = self._is_over
        observation.reward = self._apply_rubric(action, observation)
        return observation

    @property
    def state(self) -> SqlState:
        """Return where the episode stands."""
        return self._state

    def close(self) -> None:
        """Give the database back."""
        if self._database is not None:
            self._database.close()
            self._database = None

    def _is_correct(self, sql: str, timeout_s: float) -> bool:
        """Return whether a query answers the question, also on rows that were not shown, which cannot be learned."""
        for shift in (_SHOWN, _HIDDEN):
            database = Database(script_of(self._question.database).replace("$SHIFT", shift))
            try:
                expected = database.run(self._question.sql, most_rows=_MOST_ANSWER_ROWS, timeout_s=_TIMEOUT_S)
                result = database.run(sql, most_rows=len(expected.rows), timeout_s=timeout_s)
            finally:
                database.close()
            if not is_same_answer(result, expected, is_ordered=self._question.is_ordered):
                return False
        return True

    def _observation(self) -> SqlObservation:
        return SqlObservation(question=self._question.text, tables=self._tables, queries_left=self._state.queries_left)


def _show(observation: SqlObservation, result: Result) -> None:
    observation.columns = result.columns
    observation.rows = result.rows
    observation.has_more_rows = result.has_more_rows


def _question(task: dict[str, Any]) -> Question:
    for split in splits():
        for question in questions_of(split):
            if question.id == task.get("id"):
                return question
    raise ValueError(f"expected task as one that list_tasks has, with its id, such as 'train-0'; got {task!r}")
