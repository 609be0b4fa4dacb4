"""What a container engine's errors mean, and what to do about them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from openenv.core.exceptions import (
    ConfigurationError,
    EngineUnavailableError,
    ImageNotFoundError,
    OpenEnvError,
    ProviderError,
    ServerStartError,
)

from ._masking import mask

__all__ = ["engine_errors", "explained"]

_SPACES = re.compile(r"\s+")


@contextmanager
def engine_errors(doing: str, *, image: str = "", secrets: Sequence[str] = ()) -> Iterator[None]:
    """Raise what the SDK raises as errors of OpenEnv.

    Args:
        doing: What is being done, to follow "could not".
        image: The image that it is done with.
        secrets: Texts that are kept out of the errors.

    Raises:
        ProviderError: It failed.
        ConfigurationError: It failed as it was asked for wrongly.
    """
    from docker.errors import DockerException
    from requests.exceptions import RequestException
    from urllib3.exceptions import HTTPError

    try:
        yield
    except (DockerException, RequestException, HTTPError, OSError) as error:
        if isinstance(error, OpenEnvError):
            raise
        cause = _as_is(error, secrets)
        raise explained(_told(error), doing, image=image, secrets=secrets, cause=_system_error(error)) from cause


def explained(
    told: str, doing: str, *, image: str = "", secrets: Sequence[str] = (), cause: OSError | None = None
) -> OpenEnvError:
    """Return the error for what an engine told.

    Args:
        told: What it told.
        doing: What was being done.
        image: The image that it was done with.
        secrets: Texts that are kept out of the error.
        cause: The operating system's own error, where the engine could not be reached.
    """
    if cause is not None or _UNREACHABLE.search(told):
        return _unreachable(told, cause)
    shown = mask(_SPACES.sub(" ", told).strip(), secrets)
    for words, explain in _KNOWN:
        if words.search(told):
            return explain(shown, image)
    if _LATE.search(told):
        return ServerStartError(f"Docker could not {doing} in time: {shown}")
    return ProviderError(f"Docker could not {doing}: {shown}")


def _unreachable(told: str, cause: OSError | None) -> OpenEnvError:
    place = os.environ.get("DOCKER_HOST") or "the Docker engine of this machine"
    if isinstance(cause, PermissionError):
        return EngineUnavailableError(
            f"this user may not use {place}: join the group docker (sudo usermod -aG docker $USER, then log in anew), "
            f"or set DOCKER_HOST to an engine of your own, such as rootless Docker"
        )
    why = f"{cause.strerror or cause}" if cause is not None else _SPACES.sub(" ", told)
    return EngineUnavailableError(
        f"no Docker engine answers at {place} ({why}): start it (sudo systemctl start docker, or Docker Desktop), or "
        f"set DOCKER_HOST to one that runs. Without an engine, environments run as processes: "
        f"from_env(…, use_docker=False) or AutoEnv.from_env(…, runtime='process')"
    )


def _no_such_image(shown: str, image: str) -> OpenEnvError:
    return ImageNotFoundError(
        f"there is no image {image!r}, or it is not for you: check its name and tag; where its registry wants a "
        f"login, run 'docker login' or pass registry_auth={{'username': …, 'password': …}}. {_own(image)}Docker says: "
        f"{shown}",
        image=image,
    )


def _own(image: str) -> str:
    """Return what to do where an image may be one that was never built, as its name names no registry."""
    return "" if "/" in image else "An image of your own has to be built first, by 'openenv build'. "


def _other_platform(shown: str, image: str) -> OpenEnvError:
    return ImageNotFoundError(
        f"the engine has the image {image!r} for another platform than the one asked for: leave platform out, or pass "
        f"pull='always' if its registry has it for both. Docker says: {shown}",
        image=image,
    )


def _wrong_platform(shown: str, image: str) -> OpenEnvError:
    return ImageNotFoundError(
        f"the image {image!r} is not made for this machine's processor: pass platform='linux/amd64' to emulate "
        f"another one. Docker says: {shown}",
        image=image,
    )


def _bad_name(shown: str, image: str) -> OpenEnvError:
    return ConfigurationError(
        f"expected the name of an image, such as 'registry.hf.space/openenv-echo-env:latest'; got {image!r} ({shown})"
    )


def _registry_unreachable(shown: str, image: str) -> OpenEnvError:
    return ProviderError(
        f"the registry of {image!r} does not answer: check the network, or load the image by 'docker load'. "
        f"{_own(image)}Docker says: {shown}"
    )


def _too_many(shown: str, image: str) -> OpenEnvError:
    return ProviderError(
        f"the registry of {image!r} allows no more pulls for now: run 'docker login', or try again later. Docker "
        f"says: {shown}"
    )


def _disk_full(shown: str, _: str) -> OpenEnvError:
    return ProviderError(
        f"the engine's disk is full: 'docker system df' shows by what, 'docker system prune' and 'openenv gc' make "
        f"room. Docker says: {shown}"
    )


def _memory_full(shown: str, _: str) -> OpenEnvError:
    return ProviderError(
        f"the engine's machine has not enough memory: start fewer containers, or give them less by memory=…. Docker "
        f"says: {shown}"
    )


def _port_taken(shown: str, _: str) -> OpenEnvError:
    return ProviderError(
        f"the port is in use: stop what listens there, take another port, or leave port out for a free one. Docker "
        f"says: {shown}"
    )


def _no_program(shown: str, image: str) -> OpenEnvError:
    return ServerStartError(
        f"the image {image!r} cannot run its command: the program is missing in it, or not to be run. Pass command=[…] "
        f"with one that is there. Docker says: {shown}"
    )


def _no_init(shown: str, _: str) -> OpenEnvError:
    return ConfigurationError(f"the engine has no init process for containers: pass init=False. Docker says: {shown}")


def _no_network(shown: str, _: str) -> OpenEnvError:
    return ConfigurationError(
        f"there is no such network: 'docker network ls' lists those there are, 'docker network create' makes one. "
        f"Docker says: {shown}"
    )


def _no_runtime(shown: str, _: str) -> OpenEnvError:
    return ConfigurationError(f"the engine has no such runtime: 'docker info' lists those it has. Docker says: {shown}")


def _no_manager(shown: str, _: str) -> OpenEnvError:
    return ProviderError(
        f"this engine manages no swarm: run 'docker swarm init', pass auto_init_swarm=True, or set DOCKER_HOST to a "
        f"manager of yours. Docker says: {shown}"
    )


def _bad_address(shown: str, _: str) -> OpenEnvError:
    return ConfigurationError(
        f"expected DOCKER_HOST as 'unix:///path/of/docker.sock' or 'tcp://host:2375', got "
        f"{os.environ.get('DOCKER_HOST', '')!r} ({shown})"
    )


def _no_ssh(_: str, __: str) -> OpenEnvError:
    return ConfigurationError(
        "reaching a Docker engine by ssh:// takes paramiko: pip install 'docker[ssh]', or set DOCKER_HOST to an engine "
        "that can be reached otherwise"
    )


# The first whose words are there counts; engines say most things in words alone.
_KNOWN = tuple(
    (re.compile(words, re.IGNORECASE), explain)
    for words, explain in (
        ("no space left on device|disk quota exceeded", _disk_full),
        ("cannot allocate memory|not enough memory", _memory_full),
        ("toomanyrequests|pull rate limit", _too_many),
        ("no matching manifest", _wrong_platform),
        ("does not (match|provide) the specified platform", _other_platform),
        ("invalid reference format|invalid repository name|must be lowercase", _bad_name),
        ("port is already allocated|address already in use|host-mode port already in use", _port_taken),
        ("docker-init.*not found", _no_init),
        (
            "executable file not found|(no such file or directory|permission denied): unknown|exec format error",
            _no_program,
        ),
        ("unknown or invalid runtime|unknown runtime", _no_runtime),
        (r"network \S+ not found|could not find network", _no_network),
        ("not a swarm manager|part of a swarm", _no_manager),
        ("invalid bind (address|protocol)", _bad_address),
        ("install paramiko", _no_ssh),
        (
            "no such host|connection refused|i/o timeout|network is unreachable|tls handshake timeout|"
            "client.timeout exceeded|server gave http response",
            _registry_unreachable,
        ),
        (
            "no such image|manifest unknown|manifest for|pull access denied|repository does not exist|unauthorized|"
            "no basic auth credentials|denied:|name unknown",
            _no_such_image,
        ),
    )
)
_UNREACHABLE = re.compile("connection aborted|error while fetching server api version", re.IGNORECASE)
_LATE = re.compile("timed out", re.IGNORECASE)


def _told(error: Exception) -> str:
    """Return the engine's own words, without the SDK's around them."""
    explanation = getattr(error, "explanation", None)
    return str(explanation or error) or type(error).__name__


def _system_error(error: BaseException | None) -> OSError | None:
    """Return what the operating system said when the engine was called, if it was that."""
    from docker.errors import APIError
    from requests.exceptions import RequestException

    if isinstance(error, APIError):
        return None
    while error is not None:
        if isinstance(error, OSError) and error.errno is not None and not isinstance(error, RequestException):
            return error
        error = error.__cause__ or error.__context__
    return None


def _as_is(error: Exception, secrets: Sequence[str]) -> Exception | None:
    """Return an error to raise from, unless a traceback would show a secret through it."""
    text = repr(error) + str(error)
    return error if mask(text, secrets) == text else None
