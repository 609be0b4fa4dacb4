"""Containers and services whose owner is gone: found and removed."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from openenv.core.exceptions import OpenEnvError, ProviderError

from ._deadline import Deadline
from ._docker_engine import engine
from ._docker_errors import engine_errors
from ._docker_labels import SESSION_LABEL
from ._docker_removal import remove_container, remove_service
from ._owner import Owner, OwnerState

if TYPE_CHECKING:
    from ._docker_engine import Engine

__all__ = ["Started", "Sweep", "list_started", "sweep", "sweep_in_background"]

_logger = logging.getLogger(__name__)

_LISTING_S = 30.0
_REMOVAL_S = 60.0
_AT_A_TIME = 8
_NO_MANAGER = (406, 503)


@dataclass(frozen=True)
class Started:
    """Something that OpenEnv started in a container engine.

    Attributes:
        kind: What it is.
        name: Its name in the engine.
        image: The image that it runs.
        owner_pid: The process that started it.
        owner_state: Whether that process lives; not known of processes on other machines and in other containers.
    """

    kind: Literal["container", "service"]
    name: str
    image: str
    owner_pid: int
    owner_state: OwnerState


@dataclass(frozen=True)
class Sweep:
    """What came of a sweep.

    Attributes:
        removed: What was removed; in a dry run, what would be.
        kept: What has an owner that lives, or of which that is not known.
        failed: What could not be removed, and why.
    """

    removed: tuple[Started, ...]
    kept: tuple[Started, ...]
    failed: tuple[tuple[Started, str], ...] = ()


def list_started() -> list[Started]:
    """Return what OpenEnv started in the engine and nobody has removed, whoever owns it.

    Raises:
        MissingExtraError: The Docker SDK is not installed.
        EngineUnavailableError: No engine answers, or it does not let this user in.
    """
    with engine(Deadline.after(_LISTING_S)) as api, engine_errors("list what runs"):
        return [*_containers(api), *_services(api)]


def sweep(*, dry_run: bool = False) -> Sweep:
    """Remove the containers and services whose owners are gone.

    Args:
        dry_run: Whether to remove nothing.

    Raises:
        MissingExtraError: The Docker SDK is not installed.
        EngineUnavailableError: No engine answers, or it does not let this user in.
    """
    started = list_started()
    left = [each for each in started if each.owner_state == "dead"]
    kept = tuple(each for each in started if each.owner_state != "dead")
    if dry_run or not left:
        return Sweep(tuple(left), kept)
    with ThreadPoolExecutor(min(_AT_A_TIME, len(left))) as threads:
        problems = list(threads.map(_remove, left))
    outcome = list(zip(left, problems, strict=True))
    return Sweep(
        removed=tuple(each for each, problem in outcome if not problem),
        kept=kept,
        failed=tuple((each, problem) for each, problem in outcome if problem),
    )


def sweep_in_background() -> None:
    """Sweep once in the life of this process, while it goes on."""
    if _background.acquire(blocking=False):
        threading.Thread(target=_sweep_and_log, name="openenv sweep", daemon=True).start()


_background = threading.Lock()


def _sweep_and_log() -> None:
    try:
        swept = sweep()
    except OpenEnvError as error:
        _logger.debug("What dead processes left was not looked for: %s", error)
        return
    for each in swept.removed:
        _logger.info("Removed the %s %s, which process %d left behind", each.kind, each.name, each.owner_pid)
    for each, problem in swept.failed:
        _logger.warning("The %s %s, which process %d left, stays: %s", each.kind, each.name, each.owner_pid, problem)


def _containers(api: Engine) -> Iterator[Started]:
    for found in api.containers(all=True, filters={"label": SESSION_LABEL}):
        name = (found.get("Names") or [found["Id"]])[0].removeprefix("/")
        yield from _started("container", name, found.get("Image", ""), found.get("Labels") or {})


def _services(api: Engine) -> Iterator[Started]:
    from docker.errors import APIError

    try:
        services: list[dict[str, Any]] = api.services(filters={"label": SESSION_LABEL})
    except APIError as error:
        if error.status_code in _NO_MANAGER:
            return
        raise
    for service in services:
        spec = service["Spec"]
        image = spec["TaskTemplate"]["ContainerSpec"]["Image"].partition("@")[0]
        yield from _started("service", spec["Name"], image, spec.get("Labels") or {})


def _started(kind: Literal["container", "service"], name: str, image: str, labels: dict[str, str]) -> Iterator[Started]:
    owner = Owner.in_labels(labels)
    if owner is not None:
        yield Started(kind, name, image, int(owner.pid), owner.state())


def _remove(left: Started) -> str:
    """Remove it, and return the problem if there is one."""
    actions: dict[str, Callable[[Engine, str], None]] = {"container": remove_container, "service": remove_service}
    try:
        with engine(Deadline.after(_REMOVAL_S)) as api:
            actions[left.kind](api, left.name)
    except ProviderError as error:
        return str(error)
    return ""
