"""An environment's project run by uv, in a Python environment of its own."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from openenv.core.exceptions import ConfigurationError

from .process import LocalProcessProvider

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["UVProvider"]


class UVProvider(LocalProcessProvider):
    """Runs the server of an environment's project by `uv run`, which installs what the project needs.

    Without uv, or in a directory without a `pyproject.toml`, the server runs in this interpreter, which then has to
    have what the project needs.

        with UVProvider(project_path="path/to/echo_env") as provider:
            client = EchoEnv(base_url=provider.base_url)
    """

    def __init__(
        self,
        *,
        project_path: str | os.PathLike[str],
        app: str | None = None,
        host: str = "127.0.0.1",
        reload: bool = False,
        env_vars: Mapping[str, str] | None = None,
        context_timeout_s: float = 60.0,
        stop_timeout_s: float = 5.0,
    ) -> None:
        """Describe the server; `start` starts it.

        Args:
            project_path: The environment's directory.
            app: The ASGI application, as `module:attribute`; by default what `openenv.yaml` says, else
                `server.app:app`.
            host: Address to listen on.
            reload: Whether the server starts anew when its source changes.
            env_vars: Environment variables beside those of this process. Secrets among them are kept out of errors and
                logs.
            context_timeout_s: Seconds that entering the `with` block, or `wait_for_ready()` without a time, may take,
                the installation of the project included.
            stop_timeout_s: Seconds that the server has to end by itself before it is killed.

        Raises:
            ConfigurationError: There is no such directory, or its `openenv.yaml` is not valid.
        """
        directory = Path(project_path).expanduser()
        if not directory.is_dir():
            raise ConfigurationError(
                f"expected project_path as an environment's directory, got {os.fspath(project_path)!r}"
            )
        self._is_project = (directory / "pyproject.toml").is_file()
        self._uv = _find_uv() if self._is_project else None
        super().__init__(
            directory,
            app=app,
            host=host,
            python=None if self._uv is None else [self._uv, "run", "--project", str(directory.resolve()), "python"],
            reload=reload,
            env_vars=env_vars,
            context_timeout_s=context_timeout_s,
            stop_timeout_s=stop_timeout_s,
        )

    def _advise_on_missing(self, module: str) -> str:
        if self._uv is not None:
            return f"It lacks {module}: name what brings it under dependencies in the project's pyproject.toml."
        directory = self._launch.directory
        if self._is_project:
            return (
                f"uv is not installed, so the project ran in {sys.executable}, which lacks {module}. Install uv "
                f"(pip install uv), or the project there (pip install {str(directory)!r})."
            )
        return (
            f"{directory} has no pyproject.toml, so it ran in {sys.executable}, which lacks {module}: install it there."
        )


def _find_uv() -> str | None:
    # An environment that is not activated has its programs beside the interpreter, and not on the path.
    return shutil.which("uv") or shutil.which("uv", path=os.path.dirname(sys.executable))
