"""What an environment that holds tasks promises of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ..core.exceptions import InvalidRequestError, OpenEnvError, TaskNotFoundError
from ._environment_check import Check, LeftOut, Seen, brief
from ._environment_subject import Session, Subject, Turn
from .environment_report import Level

__all__ = ["TASK_CHECKS"]

# Where there are hundreds of splits, this many stand for them: tasks may take seconds to begin.
_MOST_SPLITS = 32


def tasks_are_told_alike(subject: Subject) -> Iterator[Seen]:
    """Ask for the same tasks one by one and in ranges, and for one that there is not."""
    with subject.session() as session:
        for split, tasks in _tasks(session):
            size = len(tasks)
            for index in sorted({0, size - 1}):
                one, several = tasks[index], tasks[index : index + 1]
                if several != [one]:
                    yield Seen(
                        f"task {index} of {split!r} is {one!r}, and the range from there on {several!r}", field=split
                    )
            try:
                beyond = tasks[size]
            except TaskNotFoundError:
                continue
            yield Seen(f"{split!r} has {size} tasks, and as task {size} it gives {beyond!r}", field=split)


def episodes_begin_with_tasks(subject: Subject) -> Iterator[Seen]:
    """Begin an episode of the first and of the last task of each split, or of some of very many, twice."""
    with subject.session() as session:
        splits = list(_tasks(session))
        for split, tasks in splits[:: -(-len(splits) // _MOST_SPLITS) or 1]:
            for index in sorted({0, len(tasks) - 1}):
                told = {
                    "seed": subject.plan.seed,
                    **(subject.plan.reset_arguments or {}),
                    "split": split,
                    "index": index,
                }
                try:
                    once, again = (Turn(None, session.reset(**told)) for _ in range(2))
                except OpenEnvError as error:
                    yield Seen(f"reset(split={split!r}, index={index}): {brief(error)}", field=split)
                    continue
                if once.is_done or once.shown != again.shown:
                    both = f"{once.shown[:150]} and then {again.shown[:150]}"
                    yield Seen(f"reset(split={split!r}, index={index}) gave {both}", field=split)


def _tasks(session: Session) -> Iterator[tuple[str, Sequence[Any]]]:
    try:
        splits = session.client.splits()
    except InvalidRequestError as error:
        raise LeftOut("it has no tasks") from error
    for split in splits:
        tasks = session.client.tasks(split)
        if len(tasks):
            yield split, tasks


TASK_CHECKS: tuple[Check[Subject], ...] = (
    Check(
        tasks_are_told_alike,
        Level.CONTRACT,
        "a task is the same whether it is asked for by itself or in a range, and beyond the last there is none",
        "let get_task, get_task_range and num_tasks follow from list_tasks, or from one another",
    ),
    Check(
        episodes_begin_with_tasks,
        Level.CONTRACT,
        "reset(split=…, index=…) begins an episode of that task, which with one seed begins in the same way each time",
        "give reset the argument task, or split and index, and let the episode follow from it",
    ),
)
"""In the order in which they are made."""
