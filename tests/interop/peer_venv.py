"""The virtual environment that holds openenv 0.10.0."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import sys
from pathlib import Path

__all__ = ["PEER", "peer_python"]

PEER = "openenv==0.10.0"
# What our server needs beyond what the peer brings along: it runs there too, beside the peer's FastMCP.
_OURS = "msgspec"
ROOT = Path(__file__).parents[2]


def peer_python(home: Path = ROOT / ".peer") -> Path:
    """Return the peer's interpreter, having made its virtual environment where none is finished.

    Args:
        home: The folder of the environment. One process at a time builds in it; others wait.
    """
    home.mkdir(exist_ok=True)
    python = home / "venv" / "bin" / "python"
    finished = home / f"finished-{PEER}-{_OURS}"
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not finished.exists():
            _build(home / "venv", python)
            finished.touch()
    return python


def _build(venv: Path, python: Path) -> None:
    shutil.rmtree(venv, ignore_errors=True)
    uv = shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent))
    if uv is not None:
        _run(uv, "venv", "--quiet", "--python", sys.executable, str(venv))
        _run(uv, "pip", "install", "--quiet", "--python", str(python), PEER, _OURS)
    else:
        _run(sys.executable, "-m", "venv", str(venv))
        _run(str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", PEER, _OURS)


def _run(*command: str) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} failed with status {done.returncode}:\n{done.stderr}")
