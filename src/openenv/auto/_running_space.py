"""What a Space tells without its package: by its server, where that runs."""

from __future__ import annotations

import logging
from typing import Any

from ..core.exceptions import HubError, MissingExtraError, OpenEnvError, SpaceNotFoundError
from ._hub import space_named
from ._space_package import find_package

__all__ = ["running_space_info"]

_log = logging.getLogger(__name__)


def running_space_info(name: str) -> dict[str, Any] | None:
    """Return what the server of a Space says of itself; `None` where it does not run, or its package tells more.

    Args:
        name: The Space's name or address, or that of an installed environment.

    Returns:
        `space`, its name at the commit that runs, `page`, and what `fetch_server_info` returns.

    Raises:
        SpaceNotFoundError: The Hub has no such Space.
        ConfigurationError: It is no name.
    """
    try:
        space = space_named(name)
        if space is None or find_package(space) is not None:
            return None
        return _told_by_server(space.repo_id, space.revision)
    except SpaceNotFoundError:
        raise
    except (HubError, MissingExtraError) as error:
        # Git may have it all the same.
        _log.info("%s cannot be told of by its server: %s", name, error)
        return None


def _told_by_server(repo_id: str, revision: str | None) -> dict[str, Any]:
    from ..core.hub import HubSettings, SpaceName, look_up
    from ..core.hub.ways import require_running, token_for
    from ..core.server_info import fetch_server_info

    settings = HubSettings.from_environment()
    space = look_up(SpaceName.parse(repo_id, revision), settings=settings)
    require_running(space)
    token = token_for(space, settings) if space.is_private else None
    try:
        told = fetch_server_info(space.url, auth_token=token)
    except OpenEnvError as error:
        raise HubError(f"the Hub says that it runs, but {error}") from error
    running = space.name.at(space.running_commit or None)
    return {**told, "space": str(running), "page": space.name.page(settings.endpoint)}
