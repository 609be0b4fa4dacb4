"""A process that owns containers: `owners.py WAY IMAGE NUMBER` starts as many and goes on as the way says."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from concurrent.futures import ThreadPoolExecutor

from openenv import GenericEnvClient
from openenv.core.containers.runtime import ContainerProvider, DockerSwarmProvider, LocalDockerProvider

LIGHT = ["python", "-S", "-c", "import signal; signal.sigwait([signal.SIGTERM])"]


def stay() -> None:
    """Wait for a signal."""
    started()
    signal.pause()


def leave() -> None:
    """Exit without a stop."""
    started()


def fail() -> None:
    """Raise without a stop."""
    started()
    raise ValueError("the owner's own error")


def serve() -> None:
    """Wait for a signal, with a service."""
    started(DockerSwarmProvider(command=LIGHT))
    signal.pause()


def start() -> None:
    """Be interrupted while the server is waited for."""
    tell()
    GenericEnvClient.from_docker_image(IMAGE, command=LIGHT).sync()


def start_on_loop() -> None:
    """Be interrupted while the server is waited for on an event loop."""
    tell()
    asyncio.run(wait_for_client())


async def wait_for_client() -> None:
    async with GenericEnvClient.from_docker_image(IMAGE, command=LIGHT):
        pass


def started(*providers: ContainerProvider) -> None:
    """Start, side by side, and tell when all run."""
    keep.extend(providers or [LocalDockerProvider(command=LIGHT) for _ in range(NUMBER)])
    with ThreadPoolExecutor(len(keep)) as threads:
        list(threads.map(lambda provider: provider.start_container(IMAGE), keep))
    tell()


def tell() -> None:
    os.write(1, b"started\n")


keep: list[ContainerProvider] = []
WAY, IMAGE, NUMBER = sys.argv[1], sys.argv[2], int(sys.argv[3])

if __name__ == "__main__":
    # Whoever started the tests in the background left them ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    globals()[WAY]()
