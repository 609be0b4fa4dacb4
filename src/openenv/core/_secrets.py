"""Secrets and file paths, kept out of logs and of what clients are told."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterable

__all__ = ["SecretFilter", "guard_loggers", "mask", "protect", "without_paths"]

_STARS = "***"
_SECRET_NAME = re.compile(r"TOKEN|SECRET|KEY|PASSW|CREDENTIAL", re.IGNORECASE)
_SEPARATORS = re.compile(r"[,\s]+")
# Shorter values are words and numbers that messages hold by chance.
_SHORTEST = 8
_IN_HEADERS = re.compile(r"""(\b(?:proxy-)?(?:authorization|cookie)["']?:\s*)[^\r\n]+""", re.IGNORECASE)
_IN_QUERIES = re.compile(r"""(?<=[?&'"])((?:session_id|token|secret|key|password)=)[^&\s'"]+""", re.IGNORECASE)
_PATH = re.compile(r"(?<![\w:/.~-])(?:~|\.{1,2})?/(?:[\w.@+~-]+/)+[\w.@+~-]*")

_protected: set[str] = set()


def protect(values: Iterable[str]) -> None:
    """Have texts hidden by `mask` from now on, as the values of environment variables that hold secrets are."""
    _protected.update(value for value in values if value)


def mask(text: str) -> str:
    """Return a text with every secret in it replaced by `***`.

    Secrets are what was given to `protect`, the values of environment variables whose name says so, the header
    `Authorization`, and the ids of sessions in the query of an address.
    """
    for value in sorted(_known(), key=len, reverse=True):
        text = text.replace(value, _STARS)
    return _IN_QUERIES.sub(rf"\1{_STARS}", _IN_HEADERS.sub(rf"\1{_STARS}", text))


def _known() -> set[str]:
    known = set(_protected)
    for name, value in os.environ.items():
        if _SECRET_NAME.search(name):
            known.update(part for part in (value, *_SEPARATORS.split(value)) if len(part) >= _SHORTEST)
    return known


def without_paths(text: str) -> str:
    """Return a text with the paths of files in it replaced by `<path>`."""
    return _PATH.sub("<path>", text)


class SecretFilter(logging.Filter):
    """Lets every record pass, without the secrets in its message and traceback, and without the content of frames."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Hide the secrets."""
        if isinstance(record.args, tuple) and any(map(_is_frame, record.args)):
            record.args = tuple(_named(arg) if _is_frame(arg) else arg for arg in record.args)
        message = record.getMessage()
        shown = mask(message)
        if shown != message:
            record.msg, record.args = shown, ()
        if record.exc_info:
            trace = _FORMATTER.formatException(record.exc_info) if record.exc_info[0] else ""
            shown = mask(trace)
            if shown != trace:
                record.exc_info, record.exc_text = None, shown
        return True


def guard_loggers(names: Iterable[str]) -> None:
    """Hide secrets in what loggers write."""
    for name in names:
        logger = logging.getLogger(name)
        if not any(isinstance(known, SecretFilter) for known in logger.filters):
            logger.addFilter(SecretFilter())


_FORMATTER = logging.Formatter()


def _is_frame(value: object) -> bool:
    """Tell a WebSocket frame, of whichever release of `websockets`."""
    return hasattr(value, "opcode") and hasattr(value, "data")


def _named(frame: object) -> str:
    opcode, data = getattr(frame, "opcode", None), getattr(frame, "data", b"")
    return f"{getattr(opcode, 'name', opcode)} frame of {len(data)} bytes"
