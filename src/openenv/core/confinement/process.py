"""A session's confined process, as the server sees it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from .cgroup import ControlGroup
from .confines import Confines
from .removal import remove_tree

__all__ = ["ConfinedProcess"]

_BOOT = (
    "import sys; sys.path.insert(0, {root!r}); sys.path.append({library!r}); "
    "from worker.supervisor import main; main({told!r})"
)
_LIBRARY = str(Path(__file__).resolve().parents[3])
# The supervisor ends what the session has left, one by one, which takes long on a busy machine; killed, it leaves it.
_END_S = 30.0
# The supervisor and the first process are in the group too.
_SPARE = 2


class ConfinedProcess:
    """A supervisor, whose end is the end of all that a session has started.

    Attributes:
        control: The socket by which the worker is spoken to.
        process: The supervisor.
        directory: The session's own directory.
    """

    def __init__(
        self, package: Path, told: Mapping[str, Any], confines: Confines, group_memory_bytes: int, output: int | None
    ) -> None:
        """Start it.

        Args:
            package: The directory of the environment, whose module `worker.supervisor` has the function `main`,
                which hands its argument to `supervise`. It can import the standard library and this package.
            told: What `main` is told beside its confines.
            confines: What it is held to; its `directory` is what the name of the session's own one begins with.
            group_memory_bytes: Memory of all processes together, where there are control groups.
            output: Where its output goes, as `subprocess` has it.

        Raises:
            OSError: It could not be started.
        """
        with contextlib.ExitStack() as on_failure, contextlib.ExitStack() as handed_over:
            self.directory = tempfile.mkdtemp(prefix=confines.directory)
            on_failure.callback(remove_tree, self.directory)
            self._group = ControlGroup(group_memory_bytes, confines.processes + _SPARE)
            on_failure.callback(self._group.close)
            held, self._lifeline = os.pipe()
            handed_over.callback(os.close, held)
            on_failure.callback(os.close, self._lifeline)
            self.control, control = socket.socketpair()
            handed_over.callback(control.close)
            on_failure.callback(self.control.close)
            confines = replace(confines, directory=self.directory, groups=self._group.files)
            passed = {**told, "confines": asdict(confines), "lifeline": held, "control": control.fileno()}
            passed["variables"] = {
                "HOME": self.directory,
                "TMPDIR": self.directory,
                "PATH": os.defpath,
                "LANG": "C.UTF-8",
            }
            self.process = self._started(package, passed, output)
            on_failure.pop_all()

    def _started(self, package: Path, told: dict[str, Any], output: int | None) -> subprocess.Popen[bytes]:
        code = _BOOT.format(root=str(package), library=_LIBRARY, told=json.dumps(told))
        return subprocess.Popen(
            [sys.executable, "-I", "-S", "-B", "-c", code],
            cwd=self.directory,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=told["variables"],
            pass_fds=(told["lifeline"], told["control"]),
            start_new_session=True,
        )

    @property
    def is_closed(self) -> bool:
        """Return whether it was closed."""
        return self.control.fileno() < 0

    def close(self) -> int:
        """End it, and all that it started; return its exit code, as shells tell it."""
        if self._lifeline >= 0:
            # The supervisor may be gone already.
            with contextlib.suppress(OSError):
                os.write(self._lifeline, b".")
            os.close(self._lifeline)
            self._lifeline = -1
        self.control.close()
        try:
            code = self.process.wait(_END_S)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            code = self.process.wait()
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()
        self._remove()
        return 128 - code if code < 0 else code

    def _remove(self) -> None:
        self._group.close()
        remove_tree(self.directory)
