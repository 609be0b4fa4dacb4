"""Servers of both packages, and what the clients of both see of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, closing
from typing import Any

import pytest

from tests.interop.peer_venv import peer_python
from tests.interop.processes import (
    Interpreter,
    ServerProcess,
    our_interpreter,
    our_interpreter_with,
    peer_interpreter,
)

APPS = {
    "async": "counter:async_app",
    "bare": "counter:bare_app",
    "broken": "counter:broken_app",
    "counter": "counter:app",
    "made": "counter:factory_app",
    "older": "older:app",
    "production": "counter:production_app",
    "published": "published.server.app:app",
    "quiz": "quiz:app",
    "solo": "counter:solo_app",
}
FASTMCP = {"tools": "fastmcp_tools:app"}
METHODS = {"tools": "method_tools:app"}

Urls = dict[str, str]


@pytest.fixture(scope="session")
def interpreters() -> dict[str, Interpreter]:
    """Ours, the peer's, and ours with the peer's installation around it, which has FastMCP."""
    python = peer_python()
    return {"ours": our_interpreter(), "peer": peer_interpreter(python), "fastmcp": our_interpreter_with(python)}


@pytest.fixture(scope="session")
def server_processes(
    interpreters: dict[str, Interpreter], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, ServerProcess]]:
    apps = {"ours": APPS | METHODS, "peer": APPS | FASTMCP, "fastmcp": FASTMCP}
    logs = tmp_path_factory.mktemp("interop")
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(closing(ServerProcess(interpreters[name], apps[name], logs / f"{name}.log")))
            for name in apps
        }


@pytest.fixture(scope="session")
def servers(server_processes: dict[str, ServerProcess]) -> dict[str, Urls]:
    """The addresses of every app, by server."""
    return {name: process.urls() for name, process in server_processes.items()}


@pytest.fixture(scope="session")
def peer(servers: dict[str, Urls]) -> Urls:
    """The addresses of the apps that openenv 0.10.0 serves."""
    return servers["peer"]


@pytest.fixture(scope="session")
def ours(servers: dict[str, Urls]) -> Urls:
    """The addresses of the apps that this package serves."""
    return servers["ours"]


@pytest.fixture(scope="session")
def played_by_peer(interpreters: dict[str, Interpreter], servers: dict[str, Urls]) -> dict[str, Any]:
    return _played(interpreters["peer"], servers)


@pytest.fixture(scope="session")
def played_by_ours(interpreters: dict[str, Interpreter], servers: dict[str, Urls]) -> dict[str, Any]:
    return _played(interpreters["ours"], servers)


def _played(interpreter: Interpreter, servers: dict[str, Urls]) -> dict[str, Any]:
    result: dict[str, Any] = interpreter.output("play", json.dumps(servers))
    return result
