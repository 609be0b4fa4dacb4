"""What installs into this interpreter's environment: uv, or pip."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..core.exceptions import ConfigurationError, ProviderError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..core.hub._programs import ProgramRunner

__all__ = ["Installer", "Workplace", "find_installer"]

# By these, set for other purposes, an installation would go somewhere else.
_REDIRECTIONS = frozenset({"PIP_PREFIX", "PIP_ROOT", "PIP_TARGET", "PIP_USER", "UV_PYTHON", "UV_SYSTEM_PYTHON"})
_ADVICE = {
    re.compile(r"externally[- ]managed"): (
        "This Python belongs to the operating system: work in a virtual environment (python -m venv .venv)"
    ),
    re.compile(r"does not appear to be a Python project"): (
        "The Space has no package, so it is no environment for OpenEnv, or runs nowhere but in its image: "
        "skip_install=True does without"
    ),
}
_OUTPUT = {
    "NO_COLOR": "1",
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "PIP_NO_INPUT": "1",
    "PYTHONUNBUFFERED": "1",
    "UV_NO_PROGRESS": "1",
}


@dataclass(frozen=True)
class Workplace:
    """Where installers run.

    Attributes:
        directory: An empty directory, in which no project's settings and modules lie.
        runner: What runs them.
        variables: Environment variables beside those of this process.
        lock: A file descriptor that they inherit.
    """

    directory: Path
    runner: ProgramRunner
    variables: Mapping[str, str]
    lock: int


@dataclass(frozen=True)
class Installer:
    """Installs distributions into this interpreter's environment.

    Attributes:
        name: `uv` or `pip`.
        directory: The directory that packages come to lie in.
    """

    name: str
    directory: Path
    _command: tuple[str, ...]

    def stage(self, source: str, target: Path, place: Workplace) -> None:
        """Install a distribution alone into a directory that nothing is imported from.

        Args:
            source: What to install, such as `git+https://…@commit`.
            target: The directory.
            place: Where to run.

        Raises:
            ProviderError: It could not be installed; the message ends in what the installer said.
            HubUnreachableError: It was late.
        """
        # uv compiles nothing by default.
        more = ["--no-compile"] if self.name == "pip" else []
        self._run(source, [*more, "--no-deps", "--target", str(target)], place)

    def install(self, source: str, constraints: Path, place: Workplace, *, replacing: str = "") -> None:
        """Install a distribution and what it needs into this interpreter's environment.

        Args:
            source: What to install.
            constraints: A file of requirements that all that is installed has to fit.
            place: Where to run.
            replacing: The name of the distribution if it is installed already, maybe at the same version.

        Raises:
            ProviderError: It could not be installed; the message ends in what the installer said.
            HubUnreachableError: It was late.
        """
        fitting = ["--constraint", str(constraints)]
        if self.name == "uv":
            anew = ["--reinstall-package", replacing] if replacing else []
            self._run(source, [*fitting, *anew], place)
            return
        self._run(source, fitting, place)
        if replacing:
            # pip takes one of the same version for the same.
            self._run(source, ["--no-deps", "--force-reinstall"], place)

    def _run(self, source: str, options: Sequence[str], place: Workplace) -> None:
        from ..core.hub._programs import ProgramFailedError

        inherited = {name: value for name, value in os.environ.items() if name not in _REDIRECTIONS}
        try:
            place.runner.run(
                [*self._command, *options, source],
                f"installing {source}",
                environment={**inherited, **_OUTPUT, **place.variables},
                directory=place.directory,
                kept_open=[place.lock],
            )
        except ProgramFailedError as error:
            raise ProviderError(f"{error}{_advice(error.output)}") from error


def find_installer() -> Installer:
    """Return uv if it is there, else pip.

    Raises:
        ConfigurationError: Neither is, or nothing can be installed into this interpreter's environment.
    """
    if not sys.executable:
        raise ConfigurationError("this interpreter does not know its own program, so nothing can be installed for it")
    directory = Path(sysconfig.get_path("purelib"))
    if not os.access(_first_that_exists(directory), os.W_OK):
        raise ConfigurationError(
            f"{directory} cannot be written, so nothing can be installed for {sys.executable}: work in a virtual "
            f"environment (python -m venv .venv)"
        )
    uv = _find_uv()
    if uv is not None:
        return Installer("uv", directory, (uv, "pip", "install", "--python", sys.executable))
    if importlib.util.find_spec("pip") is not None:
        return Installer("pip", directory, (sys.executable, "-m", "pip", "install"))
    raise ConfigurationError(
        f"neither uv nor pip is there to install anything for {sys.executable}: run {sys.executable} -m ensurepip, or "
        f"install uv"
    )


def _find_uv() -> str | None:
    # An environment that is not activated has its programs beside the interpreter, and not on the path.
    return shutil.which("uv") or shutil.which("uv", path=os.path.dirname(sys.executable))


def _first_that_exists(directory: Path) -> Path:
    return next(place for place in (directory, *directory.parents) if place.exists())


def _advice(output: str) -> str:
    return "".join(f"\n{advice}" for said, advice in _ADVICE.items() if said.search(output))
