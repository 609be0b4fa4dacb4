"""What is installed for OpenEnv to work with, what is missing, and how to get it."""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from .exceptions import HubUnreachableError, MissingExtraError, OpenEnvError

__all__ = ["Diagnosis", "diagnose"]

_OLDEST_PYTHON = (3, 10)
_QUESTION_TIMEOUT_S = 10.0
# The extra, the distribution that it brings, and what that is for.
_EXTRAS = (
    ("docker", "docker", "environments in containers"),
    ("hub", "huggingface-hub", "what the Hub says of Spaces, and publishing"),
    ("mcp", "mcp", "MCP clients"),
    ("gymnasium", "gymnasium", "environments of Gymnasium"),
    ("testing", "hypothesis", "checks of environments"),
    ("otel", "opentelemetry-sdk", "traces"),
)


@dataclass(frozen=True)
class Diagnosis:
    """Whether one thing is there.

    Attributes:
        name: The thing.
        is_there: Whether it is, and works.
        found: Which one, or what is wrong with it.
        used_for: What needs it.
        mend: How to get it; empty where it is there.
        is_required: Whether nothing works without it.
    """

    name: str
    is_there: bool
    found: str
    used_for: str
    mend: str = ""
    is_required: bool = False


def diagnose() -> list[Diagnosis]:
    """Look at Python, at the extras of this installation, at git, uv and Docker, and at the Hub's token.

    The engine and the Hub are asked; each answer may take ten seconds.
    """
    looks: list[Callable[[], Diagnosis]] = [_python, _git, _uv, _docker_command, _buildkit, _engine, _token]
    return [looks[0](), *_extras(), *(look() for look in looks[1:])]


def _python() -> Diagnosis:
    wanted = ".".join(map(str, _OLDEST_PYTHON))
    is_there = sys.version_info >= _OLDEST_PYTHON
    mend = "" if is_there else f"install Python {wanted} or newer"
    found = f"{platform.python_version()} at {sys.executable}"
    return Diagnosis("Python", is_there, found, f"everything, from {wanted} on", mend, is_required=True)


def _extras() -> Iterator[Diagnosis]:
    for extra, distribution, used_for in _EXTRAS:
        try:
            found, mend = f"{distribution} {version(distribution)}", ""
        except PackageNotFoundError:
            found, mend = f"{distribution} is not installed", f"pip install 'openenv-core[{extra}]'"
        yield Diagnosis(f"extra {extra}", not mend, found, used_for, mend)


def _git() -> Diagnosis:
    return _program("git", "the source of Spaces", "apt install git, or brew install git", "--version")


def _uv() -> Diagnosis:
    beside = Path(sys.executable).with_name("uv")
    place = shutil.which("uv") or (str(beside) if beside.is_file() else None)
    return _program("uv", "quicker installations; pip does too", "pip install uv", "--version", place=place)


def _docker_command() -> Diagnosis:
    return _program("docker", "building images", "install Docker, such as by apt install docker.io", "--version")


def _buildkit() -> Diagnosis:
    from .containers.images._docker_command import DockerCommand

    used_for = "secrets and certificates at build"
    try:
        DockerCommand.find().require_buildkit("building with secrets")
    except OpenEnvError as error:
        return Diagnosis("BuildKit", False, "not with this docker command", used_for, _mend(error))
    return Diagnosis("BuildKit", True, "with the docker command", used_for)


def _program(name: str, used_for: str, mend: str, *question: str, place: str | None = None) -> Diagnosis:
    program = place or shutil.which(name)
    if program is None:
        return Diagnosis(name, False, "not on the path", used_for, mend)
    command = [program, *question]
    try:
        told = subprocess.run(command, capture_output=True, text=True, timeout=_QUESTION_TIMEOUT_S, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        return Diagnosis(name, False, f"{program} does not run: {error}", used_for, mend)
    return Diagnosis(name, True, f"{told.stdout.strip()} at {program}", used_for)


def _engine() -> Diagnosis:
    from .containers.runtime._deadline import Deadline
    from .containers.runtime._docker_engine import engine

    used_for = "environments in containers"
    try:
        with engine(Deadline.after(_QUESTION_TIMEOUT_S)) as api:
            told = api.version()
    except MissingExtraError as error:
        return Diagnosis("Docker engine", False, "not asked, without the extra docker", used_for, _mend(error))
    except OpenEnvError as error:
        return Diagnosis("Docker engine", False, "none answers", used_for, _mend(error))
    return Diagnosis("Docker engine", True, f"{told.get('Version')} ({told.get('Os')}/{told.get('Arch')})", used_for)


def _token() -> Diagnosis:
    from .hub.settings import HubSettings
    from .hub.space import user_of

    name, used_for = "Hub login", "publishing, and private Spaces"
    try:
        settings = HubSettings.from_environment()
        if settings.token is None:
            return Diagnosis(name, False, "no token", used_for, "hf auth login, or set HF_TOKEN")
        user = user_of(settings, timeout_s=_QUESTION_TIMEOUT_S)
    except MissingExtraError as error:
        return Diagnosis(name, False, "not asked, without the extra hub", used_for, _mend(error))
    except HubUnreachableError as error:
        return Diagnosis(name, False, f"the Hub was not reached: {error}", used_for, "look at the network")
    except OpenEnvError as error:
        return Diagnosis(name, False, str(error), used_for, "hf auth login, or mend HF_TOKEN and HF_ENDPOINT")
    return Diagnosis(name, True, f"{user} at {settings.endpoint}", used_for)


def _mend(error: OpenEnvError) -> str:
    return (str(error).splitlines() or [""])[0]
