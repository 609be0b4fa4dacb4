"""Images: there, or pulled."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from typing import TYPE_CHECKING, Any, cast

from openenv.core.exceptions import ConfigurationError, ImageNotFoundError, ProviderError, ServerStartError

from ._docker_errors import engine_errors, explained
from ._pull_progress import showing_progress

if TYPE_CHECKING:
    from ._deadline import Deadline
    from ._docker_engine import Engine
    from .container_options import WorkloadOptions

__all__ = ["exposed_port", "have_image"]

_DEFAULT_PORT = 8000


def have_image(
    api: Engine,
    image: str,
    options: WorkloadOptions,
    *,
    platform: str | None,
    deadline: Deadline,
    is_stopped: Callable[[], bool],
) -> dict[str, Any]:
    """Return what the engine knows of an image, which it pulls first where `options.pull` says so.

    Args:
        api: The engine.
        image: The image's name.
        options: `pull`, `registry_auth` and `progress`.
        platform: The platform of an image that has several.
        deadline: Until when to have it.
        is_stopped: Tells whether it is wanted no more.

    Raises:
        ImageNotFoundError: There is none of that name, or it is not for this user.
        ServerStartError: The pull took too long.
        ProviderError: It could not be pulled, or is wanted no more.
    """
    _check_name(image)
    secrets = list((options.registry_auth or {}).values())
    known = None if options.pull == "always" else _inspected(api, image)
    if known is not None:
        return known
    if options.pull == "never":
        raise ImageNotFoundError(
            f"the engine has no image {image!r}, and pull='never' lets it have none: build or load it", image=image
        )
    with engine_errors(f"pull {image}", image=image, secrets=secrets):
        _pull(api, image, options, platform, deadline, is_stopped)
        return cast("dict[str, Any]", api.inspect_image(image))


def exposed_port(inspected: dict[str, Any]) -> int:
    """Return the port that an image's server listens on: the one that it exposes, else 8000.

    Raises:
        ConfigurationError: It exposes several, and not 8000.
    """
    exposed = (inspected.get("Config") or {}).get("ExposedPorts") or {}
    ports = sorted(int(port.partition("/")[0]) for port in exposed if not port.endswith("/udp"))
    if not ports or _DEFAULT_PORT in ports:
        return _DEFAULT_PORT
    if len(ports) > 1:
        raise ConfigurationError(
            f"the image exposes the ports {', '.join(map(str, ports))}: say by container_port=… where its server is"
        )
    return ports[0]


def _check_name(image: object) -> None:
    if not isinstance(image, str) or not image or image != image.strip():
        raise ConfigurationError(f"expected the name of an image, such as 'echo-env:latest'; got {image!r}")


def _inspected(api: Engine, image: str) -> dict[str, Any] | None:
    from docker.errors import NotFound

    with engine_errors(f"look for {image}", image=image):
        try:
            return cast("dict[str, Any]", api.inspect_image(image))
        except NotFound:
            return None


def _pull(
    api: Engine,
    image: str,
    options: WorkloadOptions,
    platform: str | None,
    deadline: Deadline,
    is_stopped: Callable[[], bool],
) -> None:
    auth = None if options.registry_auth is None else dict(options.registry_auth)
    events = api.pull(image, stream=True, decode=True, auth_config=auth, platform=platform)
    with closing(events), showing_progress(image, options.progress) as show:
        for event in events:
            if "error" in event:
                raise explained(str(event["error"]), f"pull {image}", image=image, secrets=list((auth or {}).values()))
            if is_stopped():
                raise ProviderError(f"stop() was called while {image} was being pulled")
            if deadline.has_passed:
                raise ServerStartError(
                    f"{image} was not pulled within {deadline.timeout_s:g} s: allow more by timeout_s=… (wait_timeout=…"
                    f" of from_docker_image), or pull it beforehand by 'docker pull'"
                )
            show(event)
