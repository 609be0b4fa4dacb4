"""One way to drive an asynchronous and a sync client or pool, so that a test holds for both."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any

import pytest
from typing_extensions import Self

from openenv.core.env_client import EnvClient
from openenv.core.env_pool import EnvPool


class Driver:
    """A client or pool whose calls are plain, whichever kind it is."""

    def __init__(self, client: EnvClient[Any, Any, Any] | EnvPool[Any, Any, Any], *, is_sync: bool) -> None:
        self._runner = None if is_sync else asyncio.Runner() if hasattr(asyncio, "Runner") else _Runner()
        self._client = client.sync() if is_sync else client

    def call(self, method: str, *args: Any, **kwargs: Any) -> Any:
        return self.outcome(getattr(self._client, method)(*args, **kwargs))

    def outcome(self, result: Any) -> Any:
        """Return what a call of this client, or of one made by it, comes to."""
        return result if self._runner is None else self._runner.run(result)

    def connect(self) -> None:
        self.call("connect")

    def reset(self, **arguments: Any) -> Any:
        return self.call("reset", **arguments)

    def step(self, action: Any, **options: Any) -> Any:
        return self.call("step", action, **options)

    def state(self) -> Any:
        return self.call("state")

    def close(self) -> None:
        self.call("close")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        if self._runner is not None:
            self._runner.close()


class _Runner:
    """What `asyncio.Runner` is, before Python 3.11."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return self._loop.run_until_complete(coroutine)

    def close(self) -> None:
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()


Drive = Callable[["EnvClient[Any, Any, Any] | EnvPool[Any, Any, Any]"], Driver]

both_kinds = pytest.mark.parametrize(
    "drive",
    [lambda client: Driver(client, is_sync=False), lambda client: Driver(client, is_sync=True)],
    ids=["async", "sync"],
)
