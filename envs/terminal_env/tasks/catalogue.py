"""The tasks by their splits."""

from __future__ import annotations

import random
from collections.abc import Callable

from terminal_env.server.task import TerminalTask
from terminal_env.tasks import editing, programs, text, trees

__all__ = ["made", "split_names", "tasks_of"]

_SPLITS: dict[str, tuple[Callable[[random.Random], TerminalTask], ...]] = {
    "train": (
        text.count_status_codes,
        editing.repair_config,
        trees.lock_keys,
        text.busiest_clients,
        trees.merge_parts,
        editing.greet_everybody,
        trees.mark_executables,
        text.unique_addresses,
        trees.pack_project,
        programs.stop_the_noise,
        trees.rename_photos,
        text.split_by_day,
    ),
    "test": (
        editing.replace_host,
        text.regional_totals,
        trees.newest_release,
        programs.count_lines,
        text.last_logins,
        trees.find_corrupted,
    ),
}


def split_names() -> list[str]:
    """Return the splits."""
    return list(_SPLITS)


def tasks_of(split: str) -> list[dict[str, str]]:
    """Return the names and instructions of the tasks of a split."""
    return [
        {"name": make.__name__, "instruction": make(random.Random(0))["instruction"]}  # noqa: S311
        for make in _SPLITS[split]
    ]


def made(name: str, seed: int) -> TerminalTask:
    """Return a task with files that follow from a seed.

    Args:
        name: Its name.
        seed: The seed.

    Raises:
        ValueError: There is no such task.
    """
    known = {make.__name__: make for split in _SPLITS.values() for make in split}
    if name not in known:
        raise ValueError(f"expected a task with checks, or the name of one of these: {', '.join(known)}; got {name!r}")
    return {"name": name, **known[name](random.Random(f"{name} {seed}"))}  # noqa: S311
