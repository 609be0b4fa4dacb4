"""A bare git repository, whose commits a test makes from texts."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

__all__ = ["GIT_VARIABLES", "Repository", "files_of"]

# Not the settings of whoever runs the tests.
GIT_VARIABLES = {
    **{name: value for name, value in os.environ.items() if not name.startswith("GIT_")},
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
}
_MADE = {".venv", "__pycache__", "build"}


class Repository:
    """A bare repository with a branch `main`.

    Attributes:
        directory: Where it is.
    """

    def __init__(self, directory: Path) -> None:
        """Make it, empty."""
        directory.mkdir(parents=True)
        self.directory = directory
        self.git("init", "--quiet", "--bare", "--template=", "--initial-branch=main")

    def git(self, *arguments: str, text: bytes = b"") -> str:
        """Run a git command in it and return what it says."""
        command = ["git", "-C", str(self.directory), *arguments]
        done = subprocess.run(command, input=text, env=GIT_VARIABLES, check=True, capture_output=True, timeout=30)
        return done.stdout.decode().strip()

    def commit(self, files: Mapping[str, str], branch: str = "main") -> str:
        """Add a commit that holds these files and no others, and return its name."""
        ref = f"refs/heads/{branch}"
        message = f"Change to {', '.join(files)}"
        before = self.git("for-each-ref", "--format=%(objectname)", ref)
        stream = [f"commit {ref}\ncommitter A <a@example.com> 1700000000 +0000\n{_data(message)}"]
        stream += [f"from {before}\n"] if before else []
        stream += ["deleteall\n", *(f"M 100644 inline {path}\n{_data(text)}" for path, text in files.items())]
        self.git("fast-import", "--quiet", text="".join(stream).encode())
        return self.git("rev-parse", ref)

    def change(self, files: Mapping[str, bytes | None], ref: str, message: str, *, base: str = "") -> str:
        """Add a commit that changes some files, and return its name.

        Args:
            files: What they hold then, by their paths; `None` for those that are removed.
            ref: The whole name of the branch.
            message: What the commit says.
            base: The commit that it follows; by default the branch's last one.
        """
        before = base or self.git("for-each-ref", "--format=%(objectname)", ref)
        parts = [f"commit {ref}\ncommitter A <a@example.com> 1700000000 +0000\n{_data(message)}".encode()]
        parts += [f"from {before}\n".encode()] if before else []
        for path, content in files.items():
            if content is None:
                parts.append(f"D {path}\n".encode())
            else:
                parts += [f"M 100644 inline {path}\ndata {len(content)}\n".encode(), content, b"\n"]
        self.git("fast-import", "--quiet", text=b"".join(parts))
        return self.git("rev-parse", ref)

    def files(self, revision: str = "main") -> dict[str, str]:
        """Return what git calls the content of each file, by the files' paths."""
        if self.resolve(revision) is None:
            return {}
        lines = self.git("ls-tree", "-r", "--format=%(objectname) %(path)", revision).splitlines()
        return {path: name for name, path in (line.split(" ", 1) for line in lines)}

    def read(self, path: str, revision: str = "main") -> str:
        """Return the text of a file."""
        return self.git("show", f"{revision}:{path}")

    def tag(self, name: str, *, message: str | None = None) -> None:
        """Give the last commit of `main` a tag: one with a message is an object of its own."""
        identity = ["-c", "user.name=A", "-c", "user.email=a@example.com"]
        self.git(*identity, "tag", *([] if message is None else ["-a", "-m", message]), name, "main")

    def resolve(self, revision: str) -> str | None:
        """Return the commit that a revision stands for."""
        try:
            return self.git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
        except subprocess.CalledProcessError:
            return None


def _data(text: str) -> str:
    return f"data {len(text.encode())}\n{text}\n"


def files_of(directory: Path) -> dict[str, str]:
    """Return the texts in a directory as a repository holds them: without what was made from them."""
    paths = [path for path in sorted(directory.rglob("*")) if path.is_file() and not _is_made(path)]
    return {str(path.relative_to(directory)): path.read_text(encoding="utf-8") for path in paths}


def _is_made(path: Path) -> bool:
    return any(part in _MADE or part.endswith(".egg-info") for part in path.parts)
