"""The `docker` command."""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Iterator, Sequence
from typing import Any

__all__ = [
    "container",
    "containers_of",
    "docker",
    "inspect",
    "output_of",
    "published_url",
    "wait_for_health",
    "wait_for_log",
]


def docker(*arguments: str, timeout_s: float = 60) -> str:
    """Return what a `docker` command prints; one that fails raises with what it says."""
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, timeout=timeout_s)
    assert done.returncode == 0, (
        f"docker {' '.join(arguments)} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
    )
    return done.stdout.strip()


def inspect(kind: str, name: str) -> dict[str, Any]:
    """Return what the engine knows of an image or a container."""
    [facts] = json.loads(docker(kind, "inspect", name))
    return dict(facts)


def output_of(image: str, *command: str) -> str:
    """Return what a command prints in a container of its own."""
    return docker("run", "--rm", "--entrypoint", command[0], image, *command[1:])


@contextlib.contextmanager
def container(image: str, *options: str, command: Sequence[str] = ()) -> Iterator[str]:
    """Run a container that publishes port 8000 on loopback, and give its id; it is removed in the end."""
    name = docker("run", "--detach", "--publish", "127.0.0.1::8000", *options, image, *command)
    try:
        yield name
    finally:
        docker("rm", "--force", "--volumes", name)


def wait_for_health(name: str, status: str = "healthy") -> None:
    """Wait until the health check of a container comes to a result."""
    began = str(inspect("container", name)["Created"])
    only = [f"--filter={what}" for what in (f"container={name}", "event=health_status", "event=die")]
    command = ["docker", "events", "--since", began, "--format", "{{.Action}}", *only]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as events:
        try:
            came = events.stdout.readline().strip() if events.stdout else ""
        finally:
            events.kill()
    assert came == f"health_status: {status}", f"{name}: {came or 'no event'}, not {status}:\n{docker('logs', name)}"


def wait_for_log(name: str, line: str) -> None:
    """Wait until a container has printed a line."""
    with subprocess.Popen(["docker", "logs", "--follow", name], stdout=subprocess.PIPE, text=True) as logs:
        try:
            assert any(printed.strip() == line for printed in logs.stdout or ()), f"{name} ended without {line!r}"
        finally:
            logs.kill()


def containers_of(image: str) -> list[str]:
    """Return the containers that were started by this name of an image, ended ones too."""
    # The filter by an image takes other names of it too, under which other tests run it.
    lines = docker("ps", "--all", "--format", "{{.ID}} {{.Image}}").splitlines()
    return [line.split()[0] for line in lines if line.split()[1] == image]


def published_url(name: str) -> str:
    """Return the address at which a container's server can be reached."""
    return f"http://{docker('port', name, '8000')}"
