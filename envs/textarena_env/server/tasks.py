"""The games that are set as tasks."""

import zlib
from typing import Any

from textarena_env.server.games import games

__all__ = ["count_tasks", "is_word_of", "splits", "task_at"]

_COUNTS = {"train": 10_000, "test": 1000}
_FIRST_SEEDS = {"train": 0, "test": 2**31}
_SHARE_OF_TEST = 5


def splits() -> list[dict[str, str]]:
    """Return the splits: `train` and `test` of the server's own game, and of each."""
    kinds = [{"name": kind, "type": kind} for kind in _COUNTS]
    quick = [env_id for env_id, facts in games().items() if not facts.is_slow]
    return kinds + [{"name": f"{kind}/{env_id}", "type": kind} for kind in _COUNTS for env_id in quick]


def count_tasks(split: str) -> int:
    """Return how many tasks a split has.

    Args:
        split: Its name.

    Raises:
        ValueError: There is no such split.
    """
    return _COUNTS[_read(split, "")[0]]


def task_at(split: str, index: int, own_game: str) -> dict[str, Any]:
    """Return a task, which says what game and seed it is.

    Args:
        split: The split's name.
        index: Its place in the split.
        own_game: The game of the splits that name none.

    Raises:
        ValueError: There is no such split.
        IndexError: It has fewer tasks.
    """
    kind, env_id = _read(split, own_game)
    if not 0 <= index < _COUNTS[kind]:
        raise IndexError(f"expected index from 0 to {_COUNTS[kind] - 1} in {split!r}, got {index}")
    return {"id": f"{split}/{index}", "env_id": env_id, "seed": _FIRST_SEEDS[kind] + index, "words": kind}


def is_word_of(kind: str, word: str) -> bool:
    """Return whether a word may be the secret of a task: those of `train` and `test` have none in common.

    Args:
        kind: `train` or `test`.
        word: The word.
    """
    return (zlib.crc32(word.encode()) % _SHARE_OF_TEST == 0) == (kind == "test")


def _read(split: str, own_game: str) -> tuple[str, str]:
    kind, _, env_id = split.partition("/")
    if kind not in _COUNTS or (env_id and env_id not in games()):
        raise ValueError(f"expected split as train, test, or one of them with a game, train/Wordle-v0; got {split!r}")
    return kind, env_id or own_game
