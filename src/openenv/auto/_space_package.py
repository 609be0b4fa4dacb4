"""The package of a Space, in this interpreter's environment: found there, or installed into it."""

from __future__ import annotations

import importlib
import logging
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from ..core.exceptions import ConfigurationError, ProviderError, UntrustedCodeError
from ._discovery import InstalledEnvironment, canonical_name, installed_environments
from ._installer import Workplace, find_installer
from ._staging import remove_leftovers, replaced_distribution, staged_package

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ..core.hub.settings import HubSettings
    from ..core.hub.space_name import SpaceName
    from ._installer import Installer

__all__ = [
    "Agreement",
    "PlannedInstallation",
    "agreement_by",
    "find_package",
    "install_package",
    "package_if_agreed",
    "package_of",
]

_log = logging.getLogger(__name__)

# Building a package may bring a compiler along, and a model with it.
_TIMEOUT_S = 1200.0


@dataclass(frozen=True)
class PlannedInstallation:
    """What is going to be installed, and where to.

    Attributes:
        space: The Space at the commit that is installed.
        source: Where it comes from, as the installer is told.
        page: Where its code can be read.
        prefix: The environment that it is installed into.
        installer: What installs it: `uv` or `pip`.
    """

    space: SpaceName
    source: str
    page: str
    prefix: str
    installer: str

    def __str__(self) -> str:
        """Return what is going to be done, without a verb's ending: "install … into … by …"."""
        return f"install {self.source} into {self.prefix} by {self.installer}"


Agreement: TypeAlias = "Callable[[PlannedInstallation], None]"


def agreement_by(trust_remote_code: bool) -> Agreement:
    """Return what agrees to an installation by an argument or else by `OPENENV_TRUST_REMOTE_CODE`, and logs it.

    It raises `UntrustedCodeError` where neither says that the Space's code may run.
    """
    from ..core.hub.trust import require_trust

    def agree(planned: PlannedInstallation) -> None:
        require_trust(planned.space, str(planned), trust_remote_code or None)
        _log.warning("going to %s", planned)

    return agree


def package_of(space: SpaceName, agree: Agreement) -> InstalledEnvironment:
    """Return the environment of a Space, installed before or now.

    The Hub is not asked about a Space that is installed already, unless a branch or tag of it is wanted.

    Args:
        space: The Space.
        agree: Called with what is going to be installed; raises where nobody agrees.

    Raises:
        UntrustedCodeError: It is not installed, and nobody agreed.
        ConfigurationError: It cannot be installed here, or cannot be used.
        ProviderError: It could not be installed.
        HubError: The Hub does not give it, or cannot be reached.
    """
    found = find_package(space) if space.revision is None or space.is_pinned else None
    if found is not None:
        return found
    from ..core.hub.checkout import resolve_commit
    from ..core.hub.settings import HubSettings

    settings = HubSettings.from_environment()
    pinned = space.at(resolve_commit(space, settings=settings))
    return install_package(pinned, agree, settings)


def package_if_agreed(space: SpaceName, trust_remote_code: bool) -> InstalledEnvironment | None:
    """Return the environment of a Space if it is installed, or may be; else `None`.

    Errors are those of `package_of`, which asks nobody else.
    """
    from ..core.hub.trust import is_trusted

    if is_trusted(trust_remote_code or None):
        return package_of(space, agreement_by(trust_remote_code))
    found = find_package(space)
    if found is None or space.revision is None or space.is_pinned:
        return found
    # At a branch or tag it may be another commit.
    try:
        return package_of(space, agreement_by(trust_remote_code))
    except UntrustedCodeError:
        return None


def find_package(space: SpaceName, endpoint: str | None = None) -> InstalledEnvironment | None:
    """Return the environment that is installed from a Space, at its revision if that is a commit; else `None`.

    Args:
        space: The Space.
        endpoint: The Hub that has it; `None` for the environment's.

    Raises:
        ConfigurationError: It cannot be used, or the Space has several environments and none of its own name.
    """
    from ..core.hub.settings import hub_endpoint

    hub = endpoint or hub_endpoint()
    found = [each for each in installed_environments() if each.origin is not None and each.origin.is_of(space, hub)]
    if len(found) > 1:
        found = [each for each in found if canonical_name(space.name) in each.names] or found
    if len(found) > 1:
        names = ", ".join(repr(each.name) for each in found)
        raise ConfigurationError(f"{space} has more than one environment: call the one that you mean by name, {names}")
    if found and found[0].problem:
        raise ConfigurationError(f"the environment of {space} cannot be used: {found[0].problem}")
    return found[0] if found else None


def install_package(space: SpaceName, agree: Agreement, settings: HubSettings | None = None) -> InstalledEnvironment:
    """Return the environment of a Space at a commit, installed into this interpreter's environment if it is not there.

    Its code runs while it is built: it is asked for before. Nothing that is there is overwritten but the same Space's
    package at another commit, and OpenEnv stays at its version.

    Args:
        space: The Space at a commit.
        agree: Called with what is going to be done; raises where nobody agrees.
        settings: The Hub that has it; `None` for the environment's.

    Raises:
        ConfigurationError: Nothing can be installed here, or it is no environment, or it would overwrite or hide
            something.
        ProviderError: It could not be installed; the message ends in what the installer said.
        HubError: The Hub does not give it, or it took too long.
    """
    from ..core.hub.settings import HubSettings

    settings = settings or HubSettings.from_environment()
    found = find_package(space, settings.endpoint)
    if found is not None:
        return found
    installer = find_installer()
    page = space.page(settings.endpoint)
    source = f"git+{page}@{space.revision}"
    agree(PlannedInstallation(space, source, f"{page}/tree/{space.revision}", sys.prefix, installer.name))
    _install(space, source, installer, settings)
    found = find_package(space, settings.endpoint)
    if found is None:
        raise ProviderError(
            f"{space} was installed into {installer.directory}, and cannot be found there: see whether that is on the "
            f"import path of {sys.executable}"
        )
    return found


def _install(space: SpaceName, source: str, installer: Installer, settings: HubSettings) -> None:
    from ..core.hub._cache import locked
    from ..core.hub._git import git_variables
    from ..core.hub._programs import ProgramRunner
    from ..core.hub._status import showing_status

    runner, goal = ProgramRunner(_TIMEOUT_S), f"installing {space}"
    with (
        locked(installer.directory / ".openenv", goal, runner) as lock,
        tempfile.TemporaryDirectory(prefix="openenv-") as scratch,
        showing_status(goal, None),
    ):
        importlib.invalidate_caches()
        # Another process may have installed it meanwhile.
        if find_package(space, settings.endpoint) is not None:
            return
        place = Workplace(Path(scratch), runner, git_variables(settings), lock)
        installer.stage(source, place.directory / "staged", place)
        staged = staged_package(space, place.directory / "staged")
        remove_leftovers(staged.name, installer.directory)
        replacing = replaced_distribution(staged, installer.directory)
        before = _versions()
        installer.install(source, _constraints(place.directory), place, replacing=replacing)
        importlib.invalidate_caches()
        _warn_of_replaced(before, staged.name)


def _constraints(directory: Path) -> Path:
    from .. import __version__

    path = directory / "constraints.txt"
    # OpenEnv itself runs, and is not to be replaced under way.
    path.write_text(f"openenv-core=={__version__}\nopenenv=={__version__}\n", encoding="utf-8")
    return path


def _versions() -> dict[str, str]:
    from importlib.metadata import distributions

    return {each.metadata["Name"]: each.version for each in distributions() if each.metadata["Name"]}


def _warn_of_replaced(before: Mapping[str, str], ours: str) -> None:
    after = _versions()
    changed = [name for name in sorted(before) if name != ours and after.get(name) != before[name]]
    if changed:
        told = ", ".join(f"{name} {before[name]} by {after.get(name, 'nothing')}" for name in changed)
        _log.warning("the installation replaced %s: restart this process if it has imported them", told)
