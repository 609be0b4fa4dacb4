"""The source of a Space, by git, kept in a cache."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..exceptions import HubError, HubUnreachableError, SpaceNotFoundError
from ._cache import locked, place_of, writing
from ._git import Git
from ._programs import ProgramRunner
from ._status import showing_status
from .settings import HubSettings
from .space_name import SpaceName

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Checkout", "check_out", "resolve_commit"]


@dataclass(frozen=True)
class Checkout:
    """The files of a Space at one commit. They are shared by all who ask for it: do not change them.

    Attributes:
        name: The Space; its revision is the commit.
        directory: Where the files are, without git's own.
    """

    name: SpaceName
    directory: Path

    @property
    def commit(self) -> str:
        """Return the commit."""
        return self.name.revision or ""


def check_out(
    name: SpaceName,
    *,
    settings: HubSettings | None = None,
    timeout_s: float = 120.0,
    runner: ProgramRunner | None = None,
    progress: bool | None = None,
) -> Checkout:
    """Return a Space's files, from the cache if they are there, else by git.

    Nothing of what they hold is run. It needs `git`, not `huggingface_hub`. Of files in git-lfs there are the pointers.

    Args:
        name: The Space; its branch or tag is resolved first, a commit in the cache is used without asking anybody.
        settings: The Hub to fetch from; `None` for the environment's.
        timeout_s: Seconds that the whole may take.
        runner: What runs git, with a deadline of its own instead; another thread may stop it.
        progress: Whether to show on standard error what goes on; by default where that is a terminal.

    Raises:
        SpaceNotFoundError: There is no such Space or revision, or it is private and the token does not open it.
        HubError: git is not installed, or failed; or the cache cannot be written.
        HubUnreachableError: The Hub does not answer, or not in time.
    """
    settings = settings or HubSettings.from_environment()
    git = Git(settings, runner or ProgramRunner(timeout_s))
    pinned = name if name.is_pinned else name.at(_resolve(name, git))
    directory = place_of(pinned, "spaces", settings)
    if not directory.is_dir():
        goal = f"fetching {pinned}"
        with locked(directory, goal, git.runner) as lock, showing_status(goal, progress):
            # Another process may have fetched it meanwhile.
            if not directory.is_dir():
                _fetch(pinned, directory, git, lock)
    return Checkout(pinned, directory)


def resolve_commit(
    name: SpaceName,
    *,
    settings: HubSettings | None = None,
    timeout_s: float = 30.0,
    runner: ProgramRunner | None = None,
) -> str:
    """Return the commit that a Space's revision stands for now, as git says; a commit stands for itself.

    Its arguments are those of `check_out`, and so is what it raises.
    """
    if name.is_pinned:
        return name.revision or ""
    return _resolve(name, Git(settings or HubSettings.from_environment(), runner or ProgramRunner(timeout_s)))


def _resolve(name: SpaceName, git: Git) -> str:
    patterns = _refs(name.revision)
    output = git.run(name, "ls-remote", "--quiet", "--", name.page(git.settings.endpoint), *patterns)
    lines = (line.partition("\t") for line in output.splitlines())
    commits = {ref: commit for commit, tab, ref in lines if tab}
    for ref in patterns:
        if ref in commits:
            return commits[ref]
    if name.revision is None:
        raise SpaceNotFoundError(f"{git.settings.endpoint}: the repository of {name} is empty")
    raise SpaceNotFoundError(
        f"{git.settings.endpoint} has no revision {name}: expected a branch, a tag, or the 40 digits of a commit"
    )


def _refs(revision: str | None) -> list[str]:
    """Return what a revision may stand for, in the order in which git, too, looks for it."""
    if revision is None:
        return ["HEAD"]
    if revision.startswith("refs/"):
        return [f"{revision}^{{}}", revision]
    # A tag with a message is an object of its own; `^{}` is the commit that it names.
    return [f"refs/tags/{revision}^{{}}", f"refs/tags/{revision}", f"refs/heads/{revision}"]


def _fetch(pinned: SpaceName, directory: Path, git: Git, lock: int) -> None:
    partial = directory.with_name(f"{directory.name}.partial")
    # What a killed process has left.
    shutil.rmtree(partial, ignore_errors=True)
    try:
        with writing(directory, f"fetching {pinned}"):
            partial.mkdir(mode=0o700)
            git.run(pinned, "init", "--quiet", "--template=", directory=partial, kept_open=[lock])
            _fetch_commit(pinned, partial, git, lock)
            commit = pinned.revision or ""
            git.run(pinned, "checkout", "--quiet", "--detach", commit, directory=partial, kept_open=[lock])
            shutil.rmtree(partial / ".git")
            partial.rename(directory)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _fetch_commit(pinned: SpaceName, repository: Path, git: Git, lock: int) -> None:
    url, commit = pinned.page(git.settings.endpoint), pinned.revision or ""
    fetch = ["fetch", "--quiet", "--no-tags", "--no-recurse-submodules"]
    try:
        git.run(pinned, *fetch, "--depth=1", "--", url, commit, directory=repository, kept_open=[lock])
    except HubUnreachableError:
        raise
    except HubError as error:
        if isinstance(error, SpaceNotFoundError):
            raise
        # A host that gives no commit by its name may have it in the history of a branch or tag.
        everything = ["+refs/heads/*:refs/fetched/heads/*", "+refs/tags/*:refs/fetched/tags/*"]
        git.run(pinned, *fetch, "--", url, *everything, directory=repository, kept_open=[lock])
        try:
            git.run(pinned, "cat-file", "-e", f"{commit}^{{commit}}", directory=repository, kept_open=[lock])
        except HubError:
            raise SpaceNotFoundError(f"{git.settings.endpoint} has no commit {pinned}") from error
