"""The questions that are set as tasks: those of every dataset, and of all of them in turn."""

from typing import Any

from reasoning_gym_env.server.questions import catalogue

__all__ = ["count_tasks", "splits", "task_at"]

_COUNTS = {"train": 10_000, "test": 1000}
# Seeds of the two are apart: a dataset makes its questions by the seed, or by the seed and a small number.
_FIRST_SEEDS = {"train": 0, "test": 2**31}


def splits() -> list[dict[str, str]]:
    """Return the splits: `train` and `test` of all datasets, and of each."""
    kinds = [{"name": kind, "type": kind} for kind in _COUNTS]
    return kinds + [{"name": f"{kind}/{name}", "type": kind} for kind in _COUNTS for name in catalogue()]


def count_tasks(split: str) -> int:
    """Return how many tasks a split has.

    Args:
        split: Its name.

    Raises:
        ValueError: There is no such split.
    """
    kind, names = _read(split)
    return _COUNTS[kind] * len(names)


def task_at(split: str, index: int) -> dict[str, Any]:
    """Return a task, which says what dataset and seed it is.

    Args:
        split: The split's name.
        index: Its place in the split. One after the other they are of one dataset after the other.

    Raises:
        ValueError: There is no such split.
        IndexError: It has fewer tasks.
    """
    kind, names = _read(split)
    if not 0 <= index < _COUNTS[kind] * len(names):
        raise IndexError(f"expected index from 0 to {_COUNTS[kind] * len(names) - 1} in {split!r}, got {index}")
    turn, place = divmod(index, len(names))
    return {"id": f"{split}/{index}", "dataset": names[place], "seed": _FIRST_SEEDS[kind] + turn}


def _read(split: str) -> tuple[str, list[str]]:
    kind, _, name = split.partition("/")
    if kind not in _COUNTS or (name and name not in catalogue()):
        raise ValueError(f"expected split as train, test, or one of them with a dataset, train/gcd; got {split!r}")
    return kind, [name] if name else list(catalogue())
