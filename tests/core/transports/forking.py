"""A program that forks while it holds sessions, and prints as JSON what came of it: `forking.py BASE_URL`.

A program of its own, as tests run in processes with threads, which are no good to fork.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable
from typing import Any

from echo_env import EchoAction, EchoEnv
from echo_env.server.echo_environment import EchoEnvironment

_ACTION = EchoAction(message="ab")


def in_child(function: Callable[[], Any]) -> Any:
    """Return what a function returns in a process forked from this one, or the name of what it raises."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            outcome = function()
        except Exception as error:  # noqa: BLE001 - told to the parent
            outcome = [type(error).__name__, str(error)]
        with open(writing, "w") as pipe:
            json.dump(outcome, pipe)
        os._exit(0)
    os.close(writing)
    with open(reading) as pipe:
        told = pipe.read()
    os.waitpid(child, 0)
    return json.loads(told)


def of_a_sync_client(url: str) -> dict[str, Any]:
    with EchoEnv(base_url=url).sync() as env:
        env.reset(episode_id="parent")
        return {
            "step": in_child(lambda: env.step(_ACTION).reward),
            "reset": in_child(lambda: [env.reset(episode_id="child").done, env.step(_ACTION).reward, _id(env)]),
            "close": in_child(env.close),
            "parent": [env.step(_ACTION).reward, _id(env)],
        }


def of_a_sync_client_in_use(url: str) -> dict[str, Any]:
    with EchoEnv(base_url=url).sync() as env:
        env.reset()
        # As where another thread is amidst a call.
        with env._lock, env._client._transport._lock:  # type: ignore[union-attr]
            reset = in_child(lambda: env.reset().done)
        return {"reset": reset, "parent": env.step(_ACTION).reward}


def of_an_async_client(url: str) -> dict[str, Any]:
    async def use(env: EchoEnv) -> Any:
        await env.reset(episode_id="child")
        told = (await env.state()).episode_id
        await env.close()
        return told

    async def main() -> dict[str, Any]:
        async with EchoEnv(base_url=url) as env:
            await env.reset(episode_id="parent")
            step = in_child(lambda: asyncio.run(env.step(_ACTION)))
            reset = in_child(lambda: asyncio.run(use(env)))
            parent = [(await env.step(_ACTION)).reward, (await env.state()).episode_id]
            return {"step": step, "reset": reset, "parent": parent}

    return asyncio.run(main())


def of_an_async_pool(url: str) -> dict[str, Any]:
    async def main() -> dict[str, Any]:
        async with EchoEnv.pool(2, base_url=url) as pool:
            await pool.reset()
            step = in_child(lambda: asyncio.run(pool.step([_ACTION, _ACTION])))
            return {"step": step, "parent": [result.reward for result in await pool.step([_ACTION, _ACTION])]}

    return asyncio.run(main())


def of_a_sync_pool(**where: Any) -> dict[str, Any]:
    with EchoEnv.pool(2, **where).sync() as pool:
        pool.reset()

        def step() -> list[float | None]:
            return [result.reward for result in pool.step([_ACTION, _ACTION])]

        def begin_anew() -> list[float | None]:
            pool.reset()
            rewards = step()
            pool.close()
            return rewards

        return {"step": in_child(step), "reset": in_child(begin_anew), "close": in_child(pool.close), "parent": step()}


def _id(env: Any) -> Any:
    return env.state().episode_id


def main(url: str) -> None:
    """Print what came of each kind of client."""
    told = {
        "sync": of_a_sync_client(url),
        "in use": of_a_sync_client_in_use(url),
        "async": of_an_async_client(url),
        "async pool": of_an_async_pool(url),
        "sync pool": of_a_sync_pool(base_url=url),
        "pool in process": of_a_sync_pool(environment=EchoEnvironment),
    }
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    main(sys.argv[1])
