"""How a replica's process is started."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import Process
from dataclasses import dataclass

from ..interpreter import interpreter_flags

__all__ = ["Launch"]

_CODE = "import sys; sys.path[:] = {path!r}; from {module} import main; main({how!r}, **{what!r})"


@dataclass(frozen=True)
class Launch:
    """What every replica serves, and how.

    Attributes:
        app: The application, as `module:attribute`.
        replicas: How many replicas there are.
        log_format: `text` or `json`.
        log_level: The least severe level that is logged.
    """

    app: str
    replicas: int
    log_format: str
    log_level: str

    async def start(self, number: int, descriptors: dict[str, int]) -> Process:
        """Start a replica, which writes where this process does.

        Args:
            number: Its number.
            descriptors: What it inherits, by the names that it knows.

        Raises:
            OSError: No process could be started.
        """
        code = _CODE.format(
            path=[entry or os.getcwd() for entry in sys.path],
            module=f"{__package__}.main",
            how=(self.app, self.replicas, self.log_format, self.log_level),
            what={"number": number, **descriptors},
        )
        return await asyncio.create_subprocess_exec(
            sys.executable,
            *interpreter_flags(),
            "-c",
            code,
            stdin=asyncio.subprocess.DEVNULL,
            pass_fds=tuple(descriptors.values()),
        )
