"""One way to write what rubrics do, whether or not there is something to wait for.

An evaluation is a generator: it yields what a function gave it, which may be awaitable, and is sent the value. As long
as nothing is awaitable it runs to its end where it is called; from the first awaitable on it is a coroutine.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Coroutine, Generator, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

from ..exceptions import RubricError

__all__ = ["Evaluation", "after", "discard", "is_awaitable", "not_awaited", "nothing_awaited", "run", "together"]

_T = TypeVar("_T")

Evaluation = Generator[Any, Any, _T]

# What most rubrics give, told apart at once: asking whether something is awaitable takes longer than many of them do.
_PLAIN = frozenset({float, int, bool, list, dict, type(None)})

_awaits_nothing: ContextVar[bool] = ContextVar("openenv_awaits_nothing", default=False)


@contextmanager
def nothing_awaited() -> Iterator[None]:
    """Have rubrics that have to be awaited raise `RubricError` here, where nobody can await them."""
    token = _awaits_nothing.set(True)
    try:
        yield
    finally:
        _awaits_nothing.reset(token)


def is_awaitable(given: object) -> bool:
    """Return whether something has to be awaited."""
    return type(given) not in _PLAIN and inspect.isawaitable(given)


def after(given: Any, function: Callable[[Any], Any], owner: object) -> Any:
    """Return what a function makes of a value; where the value has to be awaited, a coroutine of it.

    Args:
        given: The value.
        function: The function.
        owner: The rubric that it belongs to, for the message.

    Raises:
        RubricError: It has to be awaited where nothing can be.
    """
    return run(_applied(given, function), owner) if is_awaitable(given) else function(given)


def _applied(given: Any, function: Callable[[Any], Any]) -> Evaluation[Any]:
    return function((yield given))


def run(evaluation: Evaluation[_T], owner: object) -> _T | Coroutine[Any, Any, _T]:
    """Return what an evaluation returns; where something in it is awaitable, a coroutine that returns it.

    Args:
        evaluation: The evaluation.
        owner: The rubric it belongs to, for the message.

    Raises:
        RubricError: Something is awaitable where nothing can be awaited.
    """
    try:
        given = next(evaluation)
        while not is_awaitable(given):
            given = evaluation.send(given)
    except StopIteration as stop:
        value: _T = stop.value
        return value
    if _awaits_nothing.get():
        evaluation.close()
        not_awaited(given, owner)
    return _finished(evaluation, given)


def not_awaited(score: _T, owner: object) -> _T:
    """Return a score where nothing can be awaited.

    Args:
        score: The score.
        owner: What gave it, for the message.

    Raises:
        RubricError: It has to be awaited.
    """
    if not is_awaitable(score):
        return score
    discard(score)
    name = getattr(owner, "__name__", type(owner).__name__)
    raise RubricError(
        f"{name} is asynchronous, and was called where nothing can be awaited: override step_async of the environment "
        f"instead of step, and write 'reward = await self._apply_rubric_async(action, observation)' there"
    )


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
    if not inspect.iscoroutine(given):
        return
    held = inspect.getcoroutinelocals(given).get("given") if given.cr_code in _HOLDERS else None
    given.close()
    for part in held if isinstance(held, list) else (held,):
        discard(part)


_HOLDERS = {_finished.__code__, _gathered.__code__}
