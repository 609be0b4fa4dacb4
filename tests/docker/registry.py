"""A registry of images, by the program that Debian calls docker-registry."""

from __future__ import annotations

import collections
import contextlib
import fcntl
import json
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest

__all__ = ["Registry", "serve_registry"]

_PUSH_TIMEOUT_S = 200
_LISTENING = re.compile(r"listening on (127\.0\.0\.1:\d+)")


@dataclass(frozen=True)
class Registry:
    """A running registry.

    Attributes:
        address: Its host and port, as image names begin with it.
        folder: Where it keeps its images.
    """

    address: str
    folder: Path

    def push(self, image: str, name: str) -> str:
        """Put an image of the engine into the registry only, and return the name to pull it by.

        Args:
            image: The image's name in the engine.
            name: Its name in the registry, with a tag.
        """
        reference = f"{self.address}/{name}"
        # Whoever comes second finds the layers there.
        with (self.folder / "push.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            for command in (["tag", image, reference], ["push", "--quiet", reference], ["rmi", reference]):
                subprocess.run(["docker", *command], check=True, capture_output=True, timeout=_PUSH_TIMEOUT_S)
        return reference


@contextlib.contextmanager
def serve_registry(folder: Path, users: str | None = None) -> Iterator[Registry]:
    """Run a registry that keeps its images in a folder, on a port that the system picks.

    Args:
        folder: The folder, which several may share.
        users: Who may read, as lines of a htpasswd file; `None` for everybody.
    """
    program = shutil.which("docker-registry")
    if program is None:
        pytest.fail("docker-registry is not installed: on Debian, `make docker-engine` installs it")
    config: dict[str, object] = {
        "version": 0.1,
        "log": {"level": "info", "accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(folder / "images")}},
        "http": {"addr": "127.0.0.1:0"},
    }
    if users is not None:
        (folder / "users").write_text(users)
        config["auth"] = {"htpasswd": {"realm": "images", "path": str(folder / "users")}}
    settings = folder / f"{uuid4().hex}.yml"
    settings.write_text(json.dumps(config))
    with subprocess.Popen(
        [program, "serve", str(settings)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            address = _address(process)
            # It logs every request, and would wait for somebody to read that.
            threading.Thread(target=_read_to_end, args=(process,), daemon=True).start()
            yield Registry(address, folder)
        finally:
            process.terminate()


def _read_to_end(process: subprocess.Popen[str]) -> None:
    collections.deque(process.stderr or (), maxlen=0)


def _address(process: subprocess.Popen[str]) -> str:
    said = []
    for line in process.stderr or ():
        said.append(line)
        if found := _LISTENING.search(line):
            return found[1]
    raise RuntimeError(f"docker-registry ended before it listened:\n{''.join(said)}")
