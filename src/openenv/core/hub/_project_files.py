"""The files of a project that are published: what was written, not what was made from it, and no secrets."""

from __future__ import annotations

import fnmatch
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from ..exceptions import ConfigurationError

__all__ = ["project_files"]

_LEFT_OUT = (
    ".DS_Store",
    ".env",
    ".env.*",
    ".git",
    ".hg",
    ".hypothesis",
    ".idea",
    ".mypy_cache",
    ".pytest_cache",
    ".ruff_cache",
    ".svn",
    ".tox",
    ".venv",
    ".vscode",
    "*.egg-info",
    "*.py[cod]",
    "__pycache__",
    "build",
    "dist",
    "htmlcov",
    "node_modules",
    "venv",
)
_GIT_TIMEOUT_S = 30


def project_files(directory: Path) -> dict[str, Path]:
    """Return the files of a project, by their paths in it with `/` between the parts.

    In a git repository those that git does not ignore; elsewhere all but caches, builds, virtual environments and
    `.env` files, which are left out of a repository as well.

    Args:
        directory: The project's directory.

    Raises:
        ConfigurationError: A link leads out of the directory.
    """
    root = directory.resolve()
    files = {path: root / path for path in sorted(_known_to_git(root) or _walked(root)) if not _is_left_out(path)}
    for path, file in files.items():
        if not file.resolve().is_relative_to(root):
            raise ConfigurationError(
                f"{file} is a link to {file.resolve()}, which is not of this environment: copy it there, or have git "
                f"ignore {path}"
            )
    return {path: file for path, file in files.items() if file.is_file()}


def _known_to_git(root: Path) -> list[str]:
    """Return what git would take of a directory; nothing outside a repository, and where git ignores all of it."""
    git = shutil.which("git")
    if git is None:
        return []
    command = [git, "-c", "core.fsmonitor=false", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        done = subprocess.run(command, cwd=root, capture_output=True, timeout=_GIT_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        return []
    return [] if done.returncode else [os.fsdecode(path) for path in done.stdout.split(b"\0") if path]


def _walked(root: Path) -> Iterator[str]:
    for place, directories, names in os.walk(root):
        directories[:] = [name for name in directories if not _is_left_out(name)]
        for name in names:
            yield Path(place, name).relative_to(root).as_posix()


def _is_left_out(path: str) -> bool:
    return any(fnmatch.fnmatchcase(part, pattern) for part in path.split("/") for pattern in _LEFT_OUT)
