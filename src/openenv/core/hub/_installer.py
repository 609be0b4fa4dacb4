"""What installs a project into a Python environment of its own."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..exceptions import HubError
from ._programs import ProgramFailedError

if TYPE_CHECKING:
    from pathlib import Path

    from ._programs import ProgramRunner

__all__ = ["Installer"]

# By these another Python environment than the one that is made would be used, or its packages be mixed in.
_FOREIGN = frozenset(
    {
        "CONDA_PREFIX",
        "PIP_PREFIX",
        "PIP_REQUIRE_VIRTUALENV",
        "PIP_TARGET",
        "PIP_USER",
        "PYTHONHOME",
        "PYTHONPATH",
        "UV_PROJECT",
        "UV_PROJECT_ENVIRONMENT",
        "UV_PYTHON",
        "UV_SYSTEM_PYTHON",
        "VIRTUAL_ENV",
        "__PYVENV_LAUNCHER__",
    }
)
# Where environments without a pyproject.toml keep what they need.
_REQUIREMENTS = ("requirements.txt", "server/requirements.txt")


@dataclass(frozen=True)
class Installer:
    """Runs uv where it is installed, else venv and pip.

    Attributes:
        runner: Whose deadline counts.
        goal: What is done, for errors.
        lock: A file descriptor that the programs inherit.
    """

    runner: ProgramRunner
    goal: str
    lock: int

    def install(self, project: Path, environment: Path) -> None:
        """Make a Python environment and install a project with what it needs.

        Args:
            project: The project's directory, which a build may write into.
            environment: The environment's directory, which is not there yet.

        Raises:
            HubError: It failed, or there is nothing to install.
            HubUnreachableError: It took too long, or was stopped.
        """
        wanted = self._wanted(project)
        uv = _find_uv()
        python = environment / "bin" / "python"
        if uv is None:
            self._make_by_venv(environment)
            self._run([str(python), "-m", "pip", "install", "--disable-pip-version-check", *wanted], project)
            return
        self._run([uv, "venv", "--python", sys.executable, str(environment)], project)
        if (project / "pyproject.toml").is_file() and (project / "uv.lock").is_file():
            sync = [uv, "sync", "--frozen", "--no-dev", "--no-editable", "--project", str(project)]
            self._run([*sync, "--python", str(python)], project, UV_PROJECT_ENVIRONMENT=str(environment))
            return
        self._run([uv, "pip", "install", "--python", str(python), *wanted], project)

    def _wanted(self, project: Path) -> list[str]:
        if (project / "pyproject.toml").is_file() or (project / "setup.py").is_file():
            return [str(project)]
        files = [project / file for file in _REQUIREMENTS if (project / file).is_file()]
        if files:
            return ["openenv-core", *(part for file in files for part in ("-r", str(file)))]
        raise HubError(
            f"{self.goal}: it has neither a pyproject.toml nor a {' or a '.join(_REQUIREMENTS)}, so that there is "
            f"nothing to install; use its image, with Docker"
        )

    def _make_by_venv(self, environment: Path) -> None:
        try:
            self._run([sys.executable, "-m", "venv", str(environment)], environment.parent)
        except ProgramFailedError as error:
            raise HubError(f"{error}\nInstall uv (pip install uv), which needs nothing of the kind") from error

    def _run(self, arguments: list[str], directory: Path, **variables: str) -> None:
        environment = {name: value for name, value in os.environ.items() if name not in _FOREIGN}
        # A person's terminal would have colours and moving bars in the output, which is shown when it fails.
        environment |= {"NO_COLOR": "1", "PIP_NO_INPUT": "1", "PIP_PROGRESS_BAR": "off", "UV_NO_PROGRESS": "1"}
        self.runner.run(
            arguments,
            self.goal,
            environment=environment | variables,
            directory=directory,
            kept_open=[self.lock],
        )


def _find_uv() -> str | None:
    # An environment that is not activated has its programs beside the interpreter, and not on the path.
    return shutil.which("uv") or shutil.which("uv", path=os.path.dirname(sys.executable))
