"""The questions, and what answers them."""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

__all__ = ["Question", "questions_of", "script_of", "splits"]


@dataclass(frozen=True)
class Question:
    """A question over a database.

    Attributes:
        id: Its name.
        database: The name of the database.
        text: What is asked.
        sql: A query whose result is the answer. Agents do not see it.
        is_ordered: Whether the order of the rows counts.
    """

    id: str
    database: str
    text: str
    sql: str
    is_ordered: bool


@cache
def _all() -> dict[str, tuple[Question, ...]]:
    listed = json.loads(files("sql_env").joinpath("data").joinpath("questions.json").read_text(encoding="utf-8"))
    return {
        split: tuple(
            Question(f"{split}-{index}", told["database"], told["question"], told["sql"], told.get("ordered", False))
            for index, told in enumerate(questions)
        )
        for split, questions in listed.items()
    }


def splits() -> list[str]:
    """Return the names of the splits."""
    return list(_all())


def questions_of(split: str) -> tuple[Question, ...]:
    """Return the questions of a split.

    Args:
        split: One that `splits` names.
    """
    return _all()[split]


@cache
def script_of(database: str) -> str:
    """Return the statements that make a database, with `$SHIFT` where its rows vary.

    Args:
        database: Its name.
    """
    return files("sql_env").joinpath("data").joinpath(f"{database}.sql").read_text(encoding="utf-8")
