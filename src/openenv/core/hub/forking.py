"""A Space of others as the beginning of one's own."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..exceptions import ConfigurationError
from ._answers import write_answer_of
from .checkout import Checkout, check_out
from .publishing import require_token
from .settings import HubSettings
from .space import hub_api, user_of
from .space_name import SpaceName

if TYPE_CHECKING:
    import os

    from huggingface_hub import HfApi

__all__ = ["copy_source", "duplicate"]


def duplicate(
    name: SpaceName,
    repo_id: str | None = None,
    *,
    private: bool | None = None,
    settings: HubSettings | None = None,
    timeout_s: float = 120.0,
) -> SpaceName:
    """Have the Hub copy a Space, and return the copy's name. Secrets of the Space are not copied.

    Args:
        name: The Space, at no revision: the Hub copies the default branch.
        repo_id: What the copy is called; by default the same, of the token's user.
        private: Whether it is for its owner alone; `None` for what the Hub does by default.
        settings: The Hub, and the token; `None` for the environment's.
        timeout_s: Seconds that it may take.

    Raises:
        MissingExtraError: `huggingface_hub` is not installed.
        ConfigurationError: A revision is named, or the copy would be the Space itself.
        SpaceNotFoundError: There is no such Space, or the token does not open it.
        HubError: There is no token, it may not do that, or there is a Space of that name already.
        HubUnreachableError: The Hub does not answer, or not in time.
    """
    settings = settings or HubSettings.from_environment()
    require_token(settings)
    if name.revision is not None:
        raise ConfigurationError(
            f"the Hub copies a Space as it is now, not {name}: copy its source into a directory, and push that"
        )
    copy = SpaceName.parse(repo_id or f"{user_of(settings)}/{name.name}")
    if copy.repo_id.lower() == name.repo_id.lower():
        raise ConfigurationError(f"{name} is yours already: give the copy another name, such as {name}-2")
    api = hub_api(settings)

    def ask() -> SpaceName:
        return _duplicated(api, name, copy, private, settings)

    return write_answer_of(ask, f"a copy of {name} as {copy}", settings, timeout_s, is_repeatable=False)


def copy_source(
    name: SpaceName, directory: str | os.PathLike[str], *, settings: HubSettings | None = None, timeout_s: float = 120.0
) -> Checkout:
    """Copy the source of a Space into a directory, by git, without git's own files; nothing of it is run.

    Args:
        name: The Space, at any revision.
        directory: The directory, which is made; one that is there has to be empty.
        settings: The Hub; `None` for the environment's.
        timeout_s: Seconds that it may take.

    Returns:
        What was copied: the commit, and where the cache has it.

    Raises:
        ConfigurationError: The directory is not empty, or cannot be written.
        HubError: The source cannot be had; as `check_out` says.
    """
    target = Path(directory).expanduser()
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise ConfigurationError(f"{target} is there already: name a directory that is new, or empty")
    checkout = check_out(name, settings=settings, timeout_s=timeout_s)
    try:
        shutil.copytree(checkout.directory, target, symlinks=True, dirs_exist_ok=True)
    except OSError as error:
        raise ConfigurationError(f"{target} cannot be written ({error.strerror or error}): name another one") from error
    return checkout


def _duplicated(api: HfApi, name: SpaceName, copy: SpaceName, private: bool | None, settings: HubSettings) -> SpaceName:
    options: dict[str, Any] = {"private": private, "token": settings.token}
    # Its name until release 1.0.
    older = getattr(api, "duplicate_space", None)
    if older is not None:
        older(name.repo_id, copy.repo_id, **options)
    else:
        api.duplicate_repo(name.repo_id, copy.repo_id, repo_type="space", **options)
    return copy
