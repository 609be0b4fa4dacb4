"""What the Hub says of a Space."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ..exceptions import ConfigurationError, HubError, MissingExtraError
from ._answers import answer_of
from .settings import HubSettings
from .space_name import SpaceName

if TYPE_CHECKING:
    from huggingface_hub import HfApi, SpaceInfo

__all__ = ["Space", "hub_api", "look_up", "name_at", "user_of"]

# With this one the last build that worked goes on serving while the next is made.
_RUNNING = frozenset({"RUNNING", "RUNNING_BUILDING", "RUNNING_APP_STARTING"})


@dataclass(frozen=True)
class Space:
    """A Space as the Hub describes it.

    Attributes:
        name: Its name as the Hub writes it, at the revision asked for.
        commit: The commit that the revision stands for now.
        stage: What becomes of it there, such as `RUNNING`, `SLEEPING`, `BUILDING`, `PAUSED`, `RUNTIME_ERROR`; empty
            when the Hub does not say.
        running_commit: The commit that runs; empty when none does, or when the Hub does not say.
        url: The address of its server, whether it runs or not; empty when the Hub does not say.
        is_private: Whether only its owners see it.
        is_gated: Whether access has to be asked for.
    """

    name: SpaceName
    commit: str
    stage: str = ""
    running_commit: str = ""
    url: str = ""
    is_private: bool = False
    is_gated: bool = False

    @property
    def is_running(self) -> bool:
        """Tell whether its server runs."""
        return self.stage in _RUNNING and bool(self.url)

    @property
    def pinned(self) -> SpaceName:
        """Return its name at the commit."""
        return self.name.at(self.commit)


def look_up(name: SpaceName, *, settings: HubSettings | None = None, timeout_s: float = 10.0) -> Space:
    """Ask the Hub about a Space, by `huggingface_hub`.

    Args:
        name: The Space, at the revision that is wanted.
        settings: The Hub to ask; `None` for the environment's.
        timeout_s: Seconds that the whole may take.

    Raises:
        MissingExtraError: `huggingface_hub` is not installed.
        SpaceNotFoundError: There is no such Space or revision, or it is private and the token does not open it.
        HubError: The Hub refused or failed.
        HubUnreachableError: No answer came, or not in time.
    """
    settings = settings or HubSettings.from_environment()
    api = hub_api(settings)

    def ask() -> Space:
        # No token is False there: None would have it look for one, in an environment that may have changed.
        info = api.space_info(name.repo_id, revision=name.revision, timeout=timeout_s, token=settings.token or False)
        return _space(info, name.revision)

    return answer_of(ask, str(name), settings, timeout_s)


def name_at(url: str, *, settings: HubSettings | None = None, timeout_s: float = 10.0) -> SpaceName:
    """Ask the Hub for the name of the Space at an address such as `https://openenv-echo-env.hf.space`.

    The address itself does not tell where the owner ends and the name begins. Errors are those of `look_up`, and:

    Args:
        url: The address.
        settings: The Hub to ask; `None` for the environment's.
        timeout_s: Seconds that the whole may take.

    Raises:
        ConfigurationError: It is not the address of a Space.
    """
    settings = settings or HubSettings.from_environment()
    label, _, domain = (urlsplit(url).hostname or "").partition(".")
    if not label or domain != "hf.space":
        raise ConfigurationError(f"expected an address such as 'https://openenv-echo-env.hf.space', got {url!r}")
    hub_api(settings)

    def ask() -> SpaceName:
        from huggingface_hub.utils import (  # type: ignore[attr-defined]  # public, says its documentation
            build_hf_headers,
            get_session,
            hf_raise_for_status,
        )

        response = get_session().get(
            f"{settings.endpoint}/api/spaces/by-subdomain/{label}",
            headers=build_hf_headers(token=settings.token or False),
            timeout=timeout_s,
        )
        hf_raise_for_status(response)
        return SpaceName.parse(response.json()["id"])

    return answer_of(ask, label, settings, timeout_s)


def user_of(settings: HubSettings, *, timeout_s: float = 10.0) -> str:
    """Ask the Hub whose token it is; errors are those of `look_up`."""
    api = hub_api(settings)
    return answer_of(lambda: str(api.whoami(token=settings.token or False)["name"]), "the token", settings, timeout_s)


def hub_api(settings: HubSettings) -> HfApi:
    """Return what asks a Hub by `huggingface_hub`.

    Raises:
        MissingExtraError: It is not installed.
    """
    try:
        from huggingface_hub import HfApi
    except ImportError:
        raise MissingExtraError("asking the Hub about a Space", "hub") from None
    # Given and not left to it, which reads the environment once, when it is imported.
    return HfApi(endpoint=settings.endpoint)


def _space(info: SpaceInfo, revision: str | None) -> Space:
    runtime = info.runtime
    raw: dict[str, Any] = runtime.raw if runtime is not None else {}
    if not info.sha:
        raise HubError(f"the Hub does not tell the commit of {info.id}: has its repository any?")
    return Space(
        name=SpaceName.parse(info.id, revision),
        commit=info.sha,
        stage=str(raw.get("stage") or ""),
        running_commit=str(raw.get("sha") or ""),
        url=(info.host or "").rstrip("/"),
        is_private=bool(info.private),
        is_gated=bool(info.gated),
    )
