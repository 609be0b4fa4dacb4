"""Processes that serve one address and know nothing of one another, as uvicorn starts them by itself."""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Mapping, Sequence

from ..observability import logs
from .membership import current_membership

__all__ = ["tell_of_strangers", "told_processes"]

_logger = logs.server_logger(__name__)


def tell_of_strangers() -> None:
    """Warn where uvicorn was told to start several processes: a client may come to one that lacks its session."""
    # It starts them by multiprocessing, which hands on the command line.
    is_started_by_another = multiprocessing.parent_process() is not None
    if not is_started_by_another or current_membership() is not None:
        return
    number = told_processes(sys.argv, os.environ)
    if number > 1:
        _logger.warning(
            "this is one of %d processes that share an address and nothing else: each has its own sessions and limits, "
            "and a client may come back to one that does not have its session. Use `openenv serve --workers %d`",
            number,
            number,
        )


def told_processes(arguments: Sequence[str], variables: Mapping[str, str]) -> int:
    """Return how many processes uvicorn's command line asks for, or where it does not say, its environment variable.

    Args:
        arguments: The command line.
        variables: The environment variables.
    """
    told = variables.get("WEB_CONCURRENCY", "1")
    for place, argument in enumerate(arguments):
        name, is_joined, value = argument.partition("=")
        if name == "--workers":
            told = value if is_joined else "".join(arguments[place + 1 : place + 2])
    return int(told) if told.isdecimal() else 1
