"""Play every environment of these programs with the clients of the `openenv` that is installed.

    python -m tests.interop.programs.play '{"SERVER": {"APP": "URL", ...}, ...}'

Prints what a user would see as JSON: `{SERVER: {SCENARIO: {...}}}`. Scenarios whose app a server lacks are left out.
"""

import asyncio
import json
import sys
import traceback
from collections.abc import Awaitable, Callable
from typing import Any

from openenv.core import CallToolAction, GenericAction, GenericEnvClient, ListToolsAction, MCPToolClient
from tests.interop.programs.counter import Move
from tests.interop.programs.counter_client import CounterClient
from tests.interop.programs.older import MirrorClient, Word
from tests.interop.programs.published import GridAction, GridEnv


async def typed(url: str) -> dict[str, Any]:
    async with CounterClient(base_url=url) as client:
        first = await client.reset(seed=7, episode_id="first")
        second = await client.step(Move(text="up", amount=2))
        last = await client.step(Move(text="top", amount=8))
        state = await client.state()
    return {
        "first": [first.observation.heard, first.observation.metadata, first.reward, first.done],
        "second": [second.observation.heard, second.observation.total, second.reward, second.done],
        "history": [past.model_dump() for past in last.observation.history],
        "last": [last.observation.total, last.reward, last.done],
        "state": state.model_dump(),
    }


async def connected_by_hand(url: str) -> dict[str, Any]:
    client = CounterClient(base_url=url + "/", connect_timeout_s=30.0, message_timeout_s=30.0, headers={"X-Who": "me"})
    await client.connect()
    await client.reset()
    result = await client.step(Move(text="by hand"))
    await client.close()
    return {"heard": result.observation.heard, "base": client._base_url}


def synchronous(url: str) -> dict[str, Any]:
    with CounterClient(base_url=url).sync() as client:
        first = client.reset(episode_id="sync")
        second = client.step(Move(text="up", amount=3))
        state = client.state()
    return {
        "first": first.observation.heard,
        "second": [second.observation.total, second.reward],
        "state": [state.episode_id, state.step_count, state.total],
    }


async def generic(url: str) -> dict[str, Any]:
    async with GenericEnvClient(base_url=url) as client:
        first = await client.reset(seed=3)
        second = await client.step({"text": "dict"})
        third = await client.step(GenericAction(text="action", amount=4))
        state = await client.state()
    return {
        "first": [first.observation["heard"], first.metadata],
        "second": [second.observation["heard"], second.reward, second.metadata],
        "third": [third.observation["history"], third.reward, third.done],
        "state": state,
    }


def generic_synchronous(url: str) -> dict[str, Any]:
    with GenericEnvClient(base_url=url).sync() as client:
        client.reset()
        return {"total": client.step({"text": "x", "amount": 5}).observation["total"]}


async def refused(call: Awaitable[Any]) -> list[Any]:
    try:
        return ["answered", repr(await call)]
    except RuntimeError as error:
        return ["refused", str(error)]


async def errors(url: str) -> dict[str, Any]:
    async with GenericEnvClient(base_url=url) as client:
        await client.reset()
        await client.step({"text": "kept"})
        seen = {
            "unknown field": await refused(client.step({"text": "x", "speed": 3})),
            "missing field": await refused(client.step({"amount": 1})),
            "wrong type": await refused(client.step({"text": "x", "amount": "many"})),
            "raised": await refused(client.step({"text": "x", "amount": 100})),
        }
        after = await client.step({"text": "after"})
    return {**seen, "after": after.observation["total"]}


async def parallel(url: str) -> dict[str, Any]:
    clients = [CounterClient(base_url=url) for _ in range(8)]

    async def run(number: int, client: CounterClient) -> int:
        async with client:
            await client.reset()
            for _ in range(number):
                result = await client.step(Move(text=str(number)))
            return result.observation.total

    return {"totals": await asyncio.gather(*(run(number, client) for number, client in enumerate(clients, start=1)))}


async def bare(url: str) -> dict[str, Any]:
    async with GenericEnvClient(base_url=url) as client:
        first = await client.reset(seed=5, episode_id="ignored")
        second = await client.step({"text": "go", "amount": 2})
        state = await client.state()
    return {"first": first.observation["heard"], "second": [second.observation["total"], second.reward], "state": state}


async def coroutines(url: str) -> dict[str, Any]:
    async with CounterClient(base_url=url) as client:
        first = await client.reset(seed=1, start=4)
        second = await client.step(Move(text="async"))
    return {"first": first.observation.total, "second": [second.observation.heard, second.observation.total]}


async def broken(url: str) -> dict[str, Any]:
    try:
        async with GenericEnvClient(base_url=url) as client:
            await client.reset()
    except Exception as error:  # noqa: BLE001  # which one is not settled for openenv 0.10
        return {"raised": type(error).__name__}
    return {"raised": None}


async def tools(url: str) -> dict[str, Any]:
    async with MCPToolClient(base_url=url) as client:
        listed = await client.list_tools()
        found = await client.get_tool("add")
        seen = {
            "names": sorted(tool.name for tool in listed),
            "add": [found.description, sorted(found.input_schema["properties"])] if found else None,
            "has": [await client.has_tool("shout"), await client.has_tool("whisper")],
            "sum": [await client.call_tool("add", a=2, b=3), await client.call_tool("add", a=2)],
            "shout": await client.call_tool("shout", text="hey"),
            "kept": [await client.call_tool("remember", text="a"), await client.call_tool("remember", text="b")],
            "failed": await refused(client.call_tool("fail", text="x")),
            "unknown": await refused(client.call_tool("whisper", text="x")),
            "wrong": await refused(client.call_tool("add", a="many")),
        }
        reset = await client.reset()
        state = await client.state()
    return {**seen, "reset": [reset.reward, reset.done], "state": state.episode_id}


def tools_synchronous(url: str) -> dict[str, Any]:
    with MCPToolClient(base_url=url).sync() as client:
        client.reset()
        names = sorted(tool.name for tool in client.list_tools())
        return {"names": names, "sum": client.call_tool("add", a=1, b=1)}


async def tool_steps(url: str) -> dict[str, Any]:
    async with MCPToolClient(base_url=url) as client:
        listed: Any = (await client.step(ListToolsAction())).observation
        called: Any = (await client.step(CallToolAction(tool_name="remember", arguments={"text": "a"}))).observation
        missing: Any = (await client.step(CallToolAction(tool_name="whisper"))).observation
        failed: Any = (await client.step(CallToolAction(tool_name="fail", arguments={"text": "x"}))).observation
        shared = await client.call_tool("remember", text="b")
    return {
        "types": [type(listed).__name__, type(called).__name__],
        "names": sorted(tool.name for tool in listed.tools),
        "called": [called.tool_name, called.error],
        "missing": missing.error.error_type.value,
        "failed": [failed.error.error_type.value, failed.error.message],
        "shared": shared,
    }


async def tool_dicts(url: str) -> dict[str, Any]:
    async with GenericEnvClient(base_url=url) as client:
        before = await client.step({"type": "list_tools"})
        called = await client.step({"type": "call_tool", "tool_name": "add", "arguments": {"a": 4, "b": 5}})
    names = sorted(tool["name"] for tool in before.observation["tools"])
    return {"names": names, "called": called.observation["tool_name"], "error": called.observation["error"]}


async def published(url: str) -> dict[str, Any]:
    async with GridEnv(base_url=url) as env:
        first = await env.reset(seed=2, goal=[1, 1])
        legal = dict(first.observation.legal)
        second = await env.step(GridAction(direction="right"))
        off = await refused(env.step(GridAction(direction="down")))
        third = await env.step(GridAction(direction="up"))
        state = await env.state()
    return {
        "first": [first.observation.position, first.observation.note, legal],
        "second": [second.observation.position, second.reward, second.done],
        "off": off,
        "third": [third.observation.position, third.reward, third.done],
        "state": [state.goal, state.step_count],
    }


async def older(url: str) -> dict[str, Any]:
    async with MirrorClient(base_url=url) as client:
        first = await client.reset()
        second = await client.step(Word(word="abc"))
        state = await client.state()
    return {
        "first": first.observation.answer,
        "second": [second.observation.answer, second.reward],
        "state": state.step_count,
    }


Scenario = Callable[[str], Awaitable[dict[str, Any]] | dict[str, Any]]

SCENARIOS: list[tuple[str, Scenario]] = [
    ("counter", typed),
    ("counter", connected_by_hand),
    ("counter", synchronous),
    ("counter", generic),
    ("counter", generic_synchronous),
    ("counter", errors),
    ("counter", parallel),
    ("bare", bare),
    ("async", coroutines),
    ("broken", broken),
    ("made", generic_synchronous),
    ("tools", tools),
    ("tools", tools_synchronous),
    ("tools", tool_steps),
    ("tools", tool_dicts),
    ("published", published),
    ("older", older),
]


async def awaited(result: Awaitable[dict[str, Any]]) -> dict[str, Any]:
    return await result


def outcome(scenario: Scenario, url: str) -> dict[str, Any]:
    try:
        result = scenario(url)
        return result if isinstance(result, dict) else asyncio.run(awaited(result))
    except Exception:  # noqa: BLE001  # one failing scenario must not hide the others
        return {"traceback": traceback.format_exc()}


def main() -> None:
    servers: dict[str, dict[str, str]] = json.loads(sys.argv[1])
    seen = {
        server: {
            f"{app}/{scenario.__name__}": outcome(scenario, urls[app]) for app, scenario in SCENARIOS if app in urls
        }
        for server, urls in servers.items()
    }
    sys.stdout.write(json.dumps(seen))


if __name__ == "__main__":
    main()
