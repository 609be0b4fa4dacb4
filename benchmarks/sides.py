"""The two sides that are compared: each an interpreter whose virtual environment holds one `openenv`."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.interop.peer_venv import PEER, peer_python

__all__ = ["PEER", "ROOT", "Side", "our_side", "peer_side", "run_quietly", "scale_side", "sides", "tool", "uv"]

ROOT = Path(__file__).parents[1]
_HOME = ROOT / ".bench"
# Users have the bytecode of what they import, which some machines are told not to keep.
_HIDDEN = (
    *("OPENENV_", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "MAX_CONCURRENT_ENVS", "ENABLE_WEB_INTERFACE"),
    *("COVERAGE_", "COV_CORE_"),
)


@dataclass(frozen=True)
class Side:
    """One of the two that are compared.

    Attributes:
        name: What it is called in tables.
        python: Its interpreter.
        is_ours: Whether it holds this project.
        source: The folder that its `openenv` is imported from; `None` for that of its virtual environment.
    """

    name: str
    python: Path
    is_ours: bool
    source: Path | None = None

    def variables(self, **more: str) -> dict[str, str]:
        """Return the environment variables of its processes: those here, less what would sway them."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_HIDDEN)}
        places = [ROOT] if self.source is None else [self.source, ROOT]
        return kept | {"PYTHONPATH": os.pathsep.join(map(str, places))} | more

    def serving(self, port: int, *, workers: int = 1) -> list[str]:
        """Return the command by which its users serve the neutral environment.

        Args:
            port: The port on loopback.
            workers: How many processes share the sessions.
        """
        options = ["--host", "127.0.0.1", "--port", str(port), *(["--workers", str(workers)] if workers > 1 else [])]
        if self.is_ours:
            return [str(self.python.with_name("openenv")), "serve", "benchmarks/neutral", *options]
        return [str(self.python.with_name("uvicorn")), "benchmarks.neutral.app:app", *options]


def sides() -> tuple[Side, Side]:
    """Return our side and the peer's, made where they are not."""
    return our_side(), peer_side()


def our_side() -> Side:
    """Return this project: its working tree, or the revision that `BENCHMARK_REVISION` names."""
    revision = os.environ.get("BENCHMARK_REVISION")
    return Side("this project", _our_python(), is_ours=True, source=_tree(revision) if revision else None)


def peer_side() -> Side:
    """Return openenv 0.10.0, or the revision of this project that `BENCHMARK_AGAINST` names."""
    revision = os.environ.get("BENCHMARK_AGAINST")
    if revision:
        return Side(revision, _our_python(), is_ours=True, source=_tree(revision))
    return Side("0.10.0", peer_python(), is_ours=False)


def scale_side() -> Side:
    """Return this project with gymnasium and Ray beside it.

    Raises:
        RuntimeError: They could not be installed.
    """
    return Side("for scale", _our_python("scale", "gymnasium", "ray"), is_ours=True)


def _our_python(name: str = "ours", *more: str) -> Path:
    """Return an interpreter with this project, what an installation brings along, numpy and more packages."""
    home = _HOME / name
    recipe = (ROOT / "pyproject.toml").read_bytes() + (ROOT / "uv.lock").read_bytes()
    finished = _HOME / f"{name}-{hashlib.sha256(recipe).hexdigest()[:16]}"
    _HOME.mkdir(exist_ok=True)
    with (_HOME / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not finished.exists():
            for older in _HOME.glob(f"{name}-*"):
                older.unlink()
            _sync(home, "numpy", *more)
            finished.touch()
    return home / "bin" / "python"


def _tree(revision: str) -> Path:
    """Return the sources of a revision of this project, taken out of the repository where they are not."""
    commit = run_quietly("git", "rev-parse", "--short=12", f"{revision}^{{commit}}").strip()
    place = _HOME / "trees" / commit
    if not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=place.parent) as made:
            run_quietly("git", "archive", f"--output={made}/sources.tar", commit, "src")
            with tarfile.open(f"{made}/sources.tar") as archive:
                archive.extractall(made, filter="data")
            Path(made, "src").rename(place)
    return place


def tool(name: str) -> Path:
    """Return the path of a command that a package of the same name brings along, installed where it is not."""
    home = _HOME / "tools"
    command = home / "bin" / name
    if not command.exists():
        run_quietly(uv(), "venv", "--quiet", "--allow-existing", "--python", sys.executable, str(home))
        run_quietly(uv(), "pip", "install", "--quiet", "--python", str(home / "bin" / "python"), name)
    return command


def uv() -> str:
    """Return the path of `uv`."""
    found = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
    if found is None:
        raise RuntimeError("uv is missing: run 'make setup'")
    return found


def run_quietly(*command: str, **variables: str) -> str:
    """Run a command in the project's directory and return what it printed.

    Raises:
        RuntimeError: It failed; the message holds its errors.
    """
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, cwd=ROOT, env=dict(os.environ) | variables
    )
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} failed with status {done.returncode}:\n{done.stderr}")
    return done.stdout


def _sync(home: Path, *more: str) -> None:
    shutil.rmtree(home, ignore_errors=True)
    run_quietly(uv(), "venv", "--quiet", "--python", sys.executable, str(home))
    run_quietly(
        *(uv(), "sync", "--quiet", "--frozen", "--no-dev", "--package", "openenv-core"),
        UV_PROJECT_ENVIRONMENT=str(home),
    )
    run_quietly(uv(), "pip", "install", "--quiet", "--python", str(home / "bin" / "python"), *more)
