"""Logs that say which session and which request they are about.

Every record of the server's own loggers has the fields `session_id` and `request_id`, empty where there is none. A
handler with an `IdFilter`, such as that of `log_config`, gives them to all other records too: to what an environment
logs while it is made, reset, stepped or closed, on whatever thread.
"""

from __future__ import annotations

import json
import logging
import time
from contextvars import ContextVar
from typing import Any

from ..._secrets import SecretFilter, guard_loggers
from ...exceptions import ConfigurationError

__all__ = [
    "IdFilter",
    "JsonFormatter",
    "LOG_FORMATS",
    "log_config",
    "name_process",
    "name_request",
    "request_id",
    "server_logger",
    "session_id",
]

session_id: ContextVar[str] = ContextVar("openenv_session_id", default="")
"""The session whose environment's code runs here."""

request_id: ContextVar[object] = ContextVar("openenv_request_id", default="")
"""The client's name for the request that is answered here, which becomes text where it is logged."""

LOG_FORMATS = ("text", "json")

_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")

_LONGEST_REQUEST_ID = 128
_TEXT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"
_SHOWN = (("process", "server_process"), ("session", "session_id"), ("request", "request_id"))
_process_name: list[str] = []
_OWN_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}


class IdFilter(logging.Filter):
    """Lets every record pass, and gives it the ids of the session and the request that it was written for."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Set `session_id` and `request_id`, and `server_process` where there are several, unless they are set."""
        fields = vars(record)
        if _process_name:
            fields.setdefault("server_process", _process_name[0])
        fields.setdefault("session_id", session_id.get())
        fields.setdefault("request_id", str(request_id.get())[:_LONGEST_REQUEST_ID])
        return True


class JsonFormatter(logging.Formatter):
    """Writes each record as one line of JSON.

    The fields are `time` (UTC), `level`, `logger`, `message`, `session_id`, `request_id` and `server_process` where
    there is one, `exception` with the traceback, and whatever `extra` the record was given.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line: dict[str, object] = {
            "time": _utc(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= {name: value for name, value in vars(record).items() if name not in _OWN_FIELDS and value != ""}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        elif record.exc_text:
            line["exception"] = record.exc_text
        return json.dumps(line, default=str)


class _TextFormatter(logging.Formatter):
    """Writes records for people, with the ids at the end of the line."""

    def __init__(self) -> None:
        super().__init__(_TEXT)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's own name
        ids = ((name, getattr(record, field, "")) for name, field in _SHOWN)
        told = " ".join(f"{name}={value}" for name, value in ids if value)
        line = super().formatMessage(record)
        return f"{line} [{told}]" if told else line


def name_process(name: str) -> None:
    """Have everything that is logged from here on, in this process, carry the name of it among a server's processes."""
    _process_name[:] = [name]


def name_request(name: object) -> None:
    """Have what is logged from here on, in this task and those it starts, carry a client's name for its request."""
    request_id.set("" if name is None else name)


def server_logger(name: str) -> logging.Logger:
    """Return a logger whose records have the ids, whatever handles them."""
    logger = logging.getLogger(name)
    if not any(isinstance(known, IdFilter) for known in logger.filters):
        logger.addFilter(IdFilter())
    guard_loggers([name])
    return logger


def log_config(log_format: str = "text", level: str = "INFO") -> dict[str, Any]:
    """Return what `logging.config.dictConfig` takes to log to standard error; `uvicorn.run` takes it as `log_config`.

    Args:
        log_format: `text` for people, or `json` for one JSON object a line.
        level: The least severe level that is logged.

    Raises:
        ConfigurationError: There is no such format or level.
    """
    if log_format not in LOG_FORMATS:
        raise ConfigurationError(f"expected text or json as log format, got {log_format!r}")
    if level.upper() not in _LEVELS:
        raise ConfigurationError(f"expected {', '.join(_LEVELS)} as log level, got {level!r}")
    formatter = JsonFormatter if log_format == "json" else _TextFormatter
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"ids": {"()": IdFilter}, "secrets": {"()": SecretFilter}},
        "formatters": {"line": {"()": formatter}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "filters": ["ids", "secrets"], "formatter": "line"}},
        "root": {"level": level.upper(), "handlers": ["stderr"]},
    }


def _utc(created: float) -> str:
    seconds, fraction = divmod(created, 1)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{int(fraction * 1000):03d}Z"
