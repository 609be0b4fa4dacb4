"""One way to write what rubrics do, whether or not there is something to wait for.

An evaluation is a generator: it yields what a function gave it, which may be awaitable, and is sent the value. As long
as nothing is awaitable it runs to its end where it is called; from the first awaitable on it is a coroutine.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Coroutine, Generator, Iterable
from typing import Any, TypeVar

from ..exceptions import RubricError

__all__ = ["Evaluation", "after", "discard", "is_awaitable", "not_awaited", "run", "together"]

_T = TypeVar("_T")

Evaluation = Generator[Any, Any, _T]

# What most rubrics give, told apart at once: asking whether something is awaitable takes longer than many of them do.
_PLAIN = frozenset({float, int, bool, list, dict, type(None)})


def is_awaitable(given: object) -> bool:
    """Return whether something has to be awaited."""
    return type(given) not in _PLAIN and inspect.isawaitable(given)


def after(given: Any, function: Callable[[Any], Any]) -> Any:
    """Return what a function makes of a value; where the value has to be awaited, a coroutine of it."""
    return _made(given, function) if is_awaitable(given) else function(given)


async def _made(given: Any, function: Callable[[Any], Any]) -> Any:
    return function(await given)


def run(evaluation: Evaluation[_T]) -> _T | Coroutine[Any, Any, _T]:
    """Return what an evaluation returns; where something in it has to be awaited, a coroutine of it."""
    try:
        given = next(evaluation)
        while not is_awaitable(given):
            given = evaluation.send(given)
    except StopIteration as stop:
        value: _T = stop.value
        return value
    return _finished(evaluation, given)


def not_awaited(score: _T) -> _T:
    """Return a score where nothing can be awaited.

    Raises:
        RubricError: It has to be awaited.
    """
    if not is_awaitable(score):
        return score
    name = _awaited_by(score)
    discard(score)
    raise RubricError(
        f"{name} is asynchronous, and was called where nothing can be awaited: override step_async of the environment "
        f"instead of step, and write 'reward = await self._apply_rubric_async(action, observation)' there"
    )


def _awaited_by(given: object) -> str:
    """Return the name of the coroutine function at the bottom of what has to be awaited."""
    inner = next(filter(is_awaitable, _held_by(given)), None)
    return _awaited_by(inner) if inner is not None else getattr(given, "__qualname__", type(given).__name__)


async def _finished(evaluation: Evaluation[_T], given: Any) -> _T:
    try:
        while True:
            if is_awaitable(given):
                try:
                    given = await given
                except BaseException as exc:  # noqa: BLE001 - raised in the evaluation, where the call stands
                    given = evaluation.throw(exc)
                    continue
            given = evaluation.send(given)
    except StopIteration as stop:
        value: _T = stop.value
        return value


def together(
    functions: Iterable[Callable[[Any, Any], Any]], action: Any, observation: Any
) -> list[Any] | Coroutine[Any, Any, list[Any]]:
    """Return what functions give in a list; where some of it has to be awaited, a coroutine that awaits all at once.

    Args:
        functions: The functions.
        action: What they are called with.
        observation: What they are called with, too.
    """
    given: list[Any] = []
    try:
        for function in functions:
            given.append(function(action, observation))
    except BaseException:
        for begun in given:
            discard(begun)
        raise
    return _gathered(given) if any(map(is_awaitable, given)) else given


async def _gathered(given: list[Any]) -> list[Any]:
    tasks = {n: asyncio.ensure_future(value) for n, value in enumerate(given) if is_awaitable(value)}
    try:
        await asyncio.gather(*tasks.values())
    except BaseException:
        for task in tasks.values():
            task.cancel()
        await asyncio.gather(*tasks.values(), return_exceptions=True)
        raise
    return [tasks[n].result() if n in tasks else value for n, value in enumerate(given)]


def discard(given: object) -> None:
    """Close what nobody will await, and what that would have awaited: Python warns of coroutines that never began."""
    if inspect.iscoroutine(given):
        held = _held_by(given)
        given.close()
        for part in held:
            discard(part)


def _held_by(given: object) -> list[Any]:
    """Return what a coroutine of this module that has not begun is going to await."""
    if not inspect.iscoroutine(given) or given.cr_code not in _HOLDERS:
        return []
    held = inspect.getcoroutinelocals(given).get("given")
    return held if isinstance(held, list) else [held]


_HOLDERS = {_made.__code__, _finished.__code__, _gathered.__code__}
