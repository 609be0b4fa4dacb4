"""The git command, kept from asking, from running anybody's hooks, and from showing the token."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ..exceptions import HubError
from ._answers import not_found, unreachable
from ._programs import ProgramFailedError, ProgramRunner

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from .settings import HubSettings
    from .space_name import SpaceName

__all__ = ["Git", "git_variables"]

_TOKEN_VARIABLE = "OPENENV_GIT_TOKEN"  # noqa: S105 - a name
# A helper's answer to `get`; git ignores what it says to `store` and `erase`.
_HELPER = f"""!f() {{ printf 'username=hf_user\\npassword=%s\\n' "${_TOKEN_VARIABLE}"; }}; f"""
# Those of `git rev-parse --local-env-vars`, which a git hook hands to what it starts, and what would show requests.
_FOREIGN = frozenset(
    {
        "GIT_ALTERNATE_OBJECT_DIRECTORIES",
        "GIT_COMMON_DIR",
        "GIT_CONFIG",
        "GIT_CURL_VERBOSE",
        "GIT_DIR",
        "GIT_INDEX_FILE",
        "GIT_NAMESPACE",
        "GIT_OBJECT_DIRECTORY",
        "GIT_PREFIX",
        "GIT_SHALLOW_FILE",
        "GIT_TRACE",
        "GIT_TRACE_CURL",
        "GIT_TRACE_PACKET",
        "GIT_WORK_TREE",
        "SSH_ASKPASS",
    }
)
_SETTINGS = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "protocol.allow=never",
    "protocol.http.allow=always",
    "protocol.https.allow=always",
    # Of large files no more than their pointers is fetched, whether git-lfs is installed or not.
    "filter.lfs.smudge=",
    "filter.lfs.process=",
    "filter.lfs.required=false",
    "submodule.recurse=false",
    "gc.auto=0",
)
_UNREACHABLE = re.compile(r"unable to access|unable to connect|timed out|early EOF|hung up|RPC failed", re.IGNORECASE)
_UNKNOWN = re.compile(r"Authentication failed|could not read Username|repository '.*' not found|error: 40[134]\b")


@dataclass(frozen=True)
class Git:
    """Runs git for one Hub.

    Attributes:
        settings: The Hub, and the token for it.
        runner: Whose deadline counts.
    """

    settings: HubSettings
    runner: ProgramRunner

    def run(
        self, name: SpaceName, *arguments: str, directory: Path | None = None, kept_open: Sequence[int] = ()
    ) -> str:
        """Run a git command and return what it wrote.

        Args:
            name: The Space that it is about, for errors.
            *arguments: The command and its arguments; the token must not be among them.
            directory: Where it runs.
            kept_open: File descriptors that it inherits.

        Raises:
            SpaceNotFoundError: The Hub has no such Space, or does not open it.
            HubError: git is not installed, or failed.
            HubUnreachableError: The Hub does not answer, or not in time.
        """
        git = shutil.which("git")
        goal = f"fetching {name} by git"
        if git is None:
            raise HubError(f"{goal} needs the git command, which is not installed (on Debian: apt install git)")
        options = [part for setting in (*_SETTINGS, *_credentials(self.settings)) for part in ("-c", setting)]
        command = [git, *options, *arguments]
        try:
            return self.runner.run(
                command, goal, environment=self._environment(), directory=directory, kept_open=kept_open
            )
        except ProgramFailedError as error:
            raise self._translated(error, name, goal) from error

    def _environment(self) -> dict[str, str]:
        environment = {name: value for name, value in os.environ.items() if name not in _FOREIGN}
        # Errors are told apart by their words.
        return environment | _quiet(self.settings) | {"LC_ALL": "C", "LANGUAGE": ""}

    def _translated(self, error: ProgramFailedError, name: SpaceName, goal: str) -> HubError:
        output = error.output if self.settings.token is None else error.output.replace(self.settings.token, "***")
        if _UNKNOWN.search(output):
            return not_found(name.repo_id, self.settings)
        if _UNREACHABLE.search(output):
            last = output.strip().splitlines()[-1]
            return unreachable(last, self.settings)
        return HubError(f"{goal} failed:\n{output.strip()}")


def git_variables(settings: HubSettings) -> dict[str, str]:
    """Return environment variables by which a git that another program runs asks nobody, and has the Hub's token.

    It takes git 2.31 to heed all of them.
    """
    known = os.environ.get("GIT_CONFIG_COUNT", "")
    first = int(known) if known.isdigit() else 0
    variables = _quiet(settings)
    for number, setting in enumerate(_credentials(settings), first):
        # The value of a helper holds further signs of equality, its name none.
        key, _, value = setting.partition("=")
        variables |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
        variables["GIT_CONFIG_COUNT"] = str(number + 1)
    return variables


def _credentials(settings: HubSettings) -> list[str]:
    if settings.token is None:
        return []
    # For this Hub alone, should it send git elsewhere; the empty one takes the user's own helpers out for it.
    address = urlsplit(settings.endpoint)
    section = f"credential.{address.scheme}://{address.netloc}"
    return [f"{section}.helper=", f"{section}.helper={_HELPER}"]


def _quiet(settings: HubSettings) -> dict[str, str]:
    return {
        # An editor sets GIT_ASKPASS to a window of its own; empty, git asks nobody.
        "GIT_ASKPASS": "",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_LFS_SKIP_SMUDGE": "1",
        **({_TOKEN_VARIABLE: settings.token} if settings.token is not None else {}),
    }
