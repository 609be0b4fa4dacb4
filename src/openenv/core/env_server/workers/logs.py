"""What an environment logs in a worker process, logged by the server as if it had been logged there."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from ...wire.codec import decode, encode

__all__ = ["FrameHandler", "log_here"]

_formatter = logging.Formatter()


class FrameHandler(logging.Handler):
    """Hands records over as bytes."""

    def __init__(self, send: Callable[[bytes], None]) -> None:
        """Make a handler.

        Args:
            send: Takes each record, on whatever thread it is logged.
        """
        super().__init__()
        self._send = send

    def emit(self, record: logging.LogRecord) -> None:
        """Hand over a record."""
        try:
            trace = _formatter.formatException(record.exc_info) if record.exc_info else record.exc_text
            told = {"name": record.name, "level": record.levelno, "message": record.getMessage(), "trace": trace}
            self._send(encode(told))
        except Exception:  # noqa: BLE001 - logging's own way: it tells of it on the standard error
            self.handleError(record)


def log_here(data: bytes, session_id: str) -> str:
    """Log a record that a worker process handed over, and return its message.

    Args:
        data: The record.
        session_id: The session that the process serves.
    """
    told: dict[str, Any] = decode(data)
    logger = logging.getLogger(told["name"])
    if logger.isEnabledFor(told["level"]):
        fields = {"levelno": told["level"], "levelname": logging.getLevelName(told["level"]), "name": told["name"]}
        record = logging.makeLogRecord({**fields, "msg": told["message"], "session_id": session_id})
        record.exc_text = told["trace"]
        logger.handle(record)
    return "\n".join(filter(None, (told["message"], told["trace"])))
