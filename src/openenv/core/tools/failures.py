"""What the tools of an MCP server raised: MCP itself hands on nothing but the text."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import threading
from collections import deque
from collections.abc import Iterator

__all__ = ["Failures"]

_KEPT = 32

_noting: contextvars.ContextVar[Failures | None] = contextvars.ContextVar("openenv_tool_failures", default=None)


class Failures:
    """The exceptions of one session's tools, noted on their way and taken by whoever made the call."""

    def __init__(self) -> None:
        """Begin without any."""
        self._noted: deque[tuple[str, Exception]] = deque(maxlen=_KEPT)

    def begin(self) -> None:
        """Have noted here what is raised in this context, and in the tasks that are started in it."""
        _noting.set(self)

    @staticmethod
    @contextlib.contextmanager
    def noting(name: str) -> Iterator[None]:
        """Note what a tool raises that is called inside.

        Raises:
            RuntimeError: It raised an exit or the like, which would end the session with its server.
        """
        try:
            yield
        except Exception as exc:
            Failures._note(name, exc)
            raise
        except BaseException as exc:
            if not _is_tools_own(exc):
                raise
            stopped = RuntimeError(f"the tool raised {type(exc).__name__}: {exc}")
            Failures._note(name, stopped)
            raise stopped from exc

    @staticmethod
    def _note(name: str, raised: Exception) -> None:
        # Where no session of ours calls, nobody asks for it.
        noted = _noting.get()
        if noted is not None:
            noted._noted.append((name, raised))

    def take(self, name: str, text: str) -> Exception | None:
        """Return what a tool raised whose call failed with a text; `None` where that is not known."""
        for item in list(self._noted):
            if item[0] == name and _said(item[1]) in text:
                self._noted.remove(item)
                return item[1]
        return None


def _said(exc: Exception) -> str:
    try:
        return str(exc)
    except Exception:  # noqa: BLE001 - what cannot say what it is has no words in the text
        return ""


def _is_tools_own(exc: BaseException) -> bool:
    """Return whether a tool raised it by itself, and not whoever ends the program or takes the call back."""
    if isinstance(exc, KeyboardInterrupt):
        return threading.current_thread() is not threading.main_thread()
    if isinstance(exc, asyncio.CancelledError):
        # Before Python 3.11 nobody can tell.
        cancelling = getattr(asyncio.current_task(), "cancelling", None)
        return cancelling is not None and not cancelling()
    return not isinstance(exc, GeneratorExit)
