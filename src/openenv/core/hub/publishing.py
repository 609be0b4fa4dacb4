"""An environment's project published as a Space."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._application import is_project
from .._manifest import read_manifest
from ..containers.images.build import find_dockerfile, repository_name
from ..containers.runtime._deadline import Deadline
from ..exceptions import ConfigurationError, HubError
from ._answers import write_answer_of
from ._project_files import project_files
from .settings import HubSettings
from .space import hub_api, user_of
from .space_card import check_card
from .space_name import SpaceName

if TYPE_CHECKING:
    import os

    from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi

    _Operation = CommitOperationAdd | CommitOperationDelete

__all__ = ["PlannedUpload", "PublishedSpace", "plan_upload", "publish", "require_token"]

# What the Hub adds by itself.
_OF_THE_HUB = frozenset({".gitattributes"})


@dataclass(frozen=True)
class PlannedUpload:
    """What would be published, and where.

    Attributes:
        name: The Space.
        directory: The environment's directory.
        files: The files, by their paths in the Space.
    """

    name: SpaceName
    directory: Path
    files: Mapping[str, Path]

    @property
    def sizes(self) -> dict[str, int]:
        """Return how large each file is, in bytes."""
        return {path: file.stat().st_size for path, file in self.files.items()}


@dataclass(frozen=True)
class PublishedSpace:
    """A Space after an upload.

    Attributes:
        name: The Space, at the commit that was made.
        url: Its page.
        pull_request: The page of the pull request that was opened; empty where the files went to the Space at once.
        deleted: The files that were there before, and are no more.
    """

    name: SpaceName
    url: str
    pull_request: str = ""
    deleted: tuple[str, ...] = ()


def plan_upload(
    directory: str | os.PathLike[str], repo_id: str | None = None, *, settings: HubSettings | None = None
) -> PlannedUpload:
    """Return what would be published of an environment's project, after a look at whether the Hub could serve it.

    Args:
        directory: The project's directory.
        repo_id: The Space; by default one of the token's user, called as the environment is.
        settings: The Hub; `None` for the environment's.

    Raises:
        ConfigurationError: Something in the project would keep the Space from running; the message has the mend.
        HubError: There is no name and no token to tell whose it would be, or the Hub does not know the token.
    """
    root = Path(directory).expanduser().resolve()
    if not is_project(root):
        raise ConfigurationError(f"no environment in {root}: expected openenv.yaml or server/app.py there")
    manifest = read_manifest(root)
    dockerfile = find_dockerfile(root)
    check_card(root, manifest)
    files = project_files(root)
    # The Hub looks for it at the top, where everything that it copies is.
    files["Dockerfile"] = dockerfile
    if repo_id is None:
        settings = settings or HubSettings.from_environment()
        require_token(settings)
        repo_id = f"{user_of(settings)}/{repository_name(root, manifest)}"
    name = SpaceName.parse(repo_id)
    if name.revision is not None:
        raise ConfigurationError(f"expected a Space to push to, such as 'me/word-game-env'; got a revision, {name}")
    return PlannedUpload(name, root, dict(sorted(files.items())))


def publish(
    planned: PlannedUpload,
    *,
    private: bool | None = None,
    create_pr: bool = False,
    message: str = "",
    settings: HubSettings | None = None,
    timeout_s: float = 300.0,
) -> PublishedSpace:
    """Make a Space if there is none of the name, and have it hold these files and no others, by one commit.

    Args:
        planned: What to publish.
        private: Whether a Space that is made is for its owner alone; `None` for what the Hub does by default.
        create_pr: Whether to open a pull request instead of changing the Space, which has to be there.
        message: What the commit says.
        settings: The Hub, and the token; `None` for the environment's.
        timeout_s: Seconds that the whole may take.

    Raises:
        MissingExtraError: `huggingface_hub` is not installed.
        HubError: There is no token, or it may not do that.
        HubUnreachableError: The Hub does not answer, or not in time.
    """
    settings = settings or HubSettings.from_environment()
    require_token(settings)
    api = hub_api(settings)
    said = message or f"Publish by OpenEnv {_version()}"

    deadline = Deadline.after(timeout_s)

    def upload() -> PublishedSpace:
        return _uploaded(api, planned, private, create_pr, said, settings, deadline)

    # The same files once more change nothing, but a pull request would be another one.
    return write_answer_of(upload, planned.name.repo_id, settings, timeout_s, is_repeatable=not create_pr)


def require_token(settings: HubSettings) -> None:
    """Do nothing if there is a token, and raise if there is none.

    Raises:
        HubError: There is none.
    """
    if settings.token is None:
        raise HubError(
            f"{settings.endpoint} takes uploads from those it knows: run 'hf auth login', or set HF_TOKEN to a token "
            f"that may write"
        )


def _uploaded(
    api: HfApi,
    planned: PlannedUpload,
    private: bool | None,
    create_pr: bool,
    message: str,
    settings: HubSettings,
    deadline: Deadline,
) -> PublishedSpace:
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    common: dict[str, Any] = {"repo_type": "space", "token": settings.token}
    repo_id = planned.name.repo_id
    if not create_pr:
        api.create_repo(repo_id, space_sdk="docker", private=private, exist_ok=True, **common)
    gone = sorted(set(api.list_repo_files(repo_id, **common)) - planned.files.keys() - _OF_THE_HUB)
    operations: list[_Operation] = [
        *(CommitOperationAdd(path, str(file)) for path, file in planned.files.items()),
        *(CommitOperationDelete(path, is_folder=False) for path in gone),
    ]
    if deadline.has_passed:
        # Whoever wanted it has been told that it failed.
        raise TimeoutError
    made = api.create_commit(repo_id, operations, commit_message=message, create_pr=create_pr, **common)
    page = planned.name.page(settings.endpoint)
    return PublishedSpace(planned.name.at(made.oid), page, made.pr_url or "", tuple(gone))


def _version() -> str:
    from ... import __version__

    return __version__
