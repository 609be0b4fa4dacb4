"""What a tool can tell whoever called it while it still runs."""

from __future__ import annotations

import contextlib
import contextvars
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias, get_args

from .._secrets import mask
from ..exceptions import ConfigurationError

__all__ = [
    "Listener",
    "LogLevel",
    "LogMessage",
    "Notice",
    "Progress",
    "ToolContext",
    "current_listener",
    "listening",
    "notice_fields",
    "notice_of",
]

LogLevel: TypeAlias = Literal["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"]
"""How much a message of a tool matters, in MCP's words."""

_log = logging.getLogger("openenv.tools")

_PYTHON_LEVELS: dict[str, int] = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "notice": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}


@dataclass(frozen=True)
class Progress:
    """How far a tool has come.

    Attributes:
        progress: How much is done; it rises.
        total: How much there is to do, if that is known.
        message: What is being done.
    """

    progress: float
    total: float | None = None
    message: str | None = None


@dataclass(frozen=True)
class LogMessage:
    """What a tool says.

    Attributes:
        level: How much it matters.
        text: What it says.
        logger: Who says it, if not the tool itself.
    """

    level: LogLevel
    text: str
    logger: str | None = None


Notice: TypeAlias = Progress | LogMessage
"""What a tool tells while it runs."""

Listener: TypeAlias = Callable[[Notice], None]
"""Takes what tools tell, on whatever thread they do."""

_listener: contextvars.ContextVar[Listener | None] = contextvars.ContextVar("openenv_tool_listener", default=None)


class ToolContext:
    """The call of a tool, for the tool itself: it tells the caller how far it has come.

    A tool asks for it by an argument of this type, which no caller gives and no schema tells::

        @tool
        def build(self, target: str, context: ToolContext) -> str:
            context.report_progress(1, 3, "compiling")

    MCP clients that want to hear of it do; for everybody else it does nothing. It may be used on any thread, until the
    tool returns.
    """

    def __init__(self, listener: Listener | None = None) -> None:
        """Make the context of a call.

        Args:
            listener: Takes what the tool tells; `None` where nobody wants to hear it.
        """
        self._listener = listener

    @classmethod
    def current(cls) -> ToolContext:
        """Return the context of a call that is made here."""
        return cls(_listener.get())

    def report_progress(self, progress: float, total: float | None = None, message: str | None = None) -> None:
        """Tell how far the tool has come.

        Args:
            progress: How much is done; more than the last time.
            total: How much there is to do, if that is known.
            message: What is being done.
        """
        if self._listener is not None:
            self._listener(Progress(progress, total, None if message is None else mask(message)))

    def log(self, text: str, level: LogLevel = "info", logger: str | None = None) -> None:
        """Say something, to the caller and in the server's log.

        Args:
            text: What to say.
            level: How much it matters.
            logger: Who says it, if not the tool itself.

        Raises:
            ConfigurationError: There is no such level.
        """
        if level not in get_args(LogLevel):
            raise ConfigurationError(f"expected one of the levels {', '.join(get_args(LogLevel))}, got {level!r}")
        _log.log(_PYTHON_LEVELS.get(level, logging.CRITICAL), "%s", text)
        if self._listener is not None:
            self._listener(LogMessage(level, mask(text), logger))


def notice_fields(notice: Notice) -> dict[str, Any]:
    """Return a notice as a JSON value."""
    return {"kind": "log" if isinstance(notice, LogMessage) else "progress", **asdict(notice)}


def notice_of(fields: Mapping[str, Any]) -> Notice:
    """Return the notice that a JSON value is."""
    rest = {name: value for name, value in fields.items() if name != "kind"}
    return LogMessage(**rest) if fields["kind"] == "log" else Progress(**rest)


def current_listener() -> Listener | None:
    """Return who hears what tools tell that are called here."""
    return _listener.get()


@contextlib.contextmanager
def listening(listener: Listener | None) -> Iterator[None]:
    """Hear what tools tell that are called meanwhile, in this context and those made of it."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)
