from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Callable, Coroutine
from typing import Any

import anyio.to_thread
import pytest

from openenv.core.exceptions import ConfigurationError, SessionClosedError
from openenv.core.tools.server_session import ServerSession, run_once
from tests.core.fastmcp_import import import_fastmcp

fastmcp = import_fastmcp()

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


async def _session_id() -> str:
    return str(fastmcp.server.dependencies.get_context().session_id)


async def _thread() -> int:
    return threading.get_ident()


def _fail(message: str) -> None:
    raise LookupError(message)


@pytest.fixture
def server() -> Any:
    made = fastmcp.FastMCP("shop")
    for function in (_session_id, _thread, _fail):
        made.tool(function, name=function.__name__.removeprefix("_"))
    return made


def _call(session: ServerSession, name: str, /, **arguments: Any) -> Callable[[], Coroutine[Any, Any, Any]]:
    async def call() -> Any:
        return (await session.call_tool(name, arguments)).data

    return call


def test_all_calls_of_a_thread_share_one_mcp_session(server: Any) -> None:
    first, second = ServerSession(server), ServerSession(server)
    ids = [first.run(_call(first, "session_id")) for _ in range(2)]
    assert ids[0] == ids[1]
    assert second.run(_call(second, "session_id")) != ids[0]
    first.close()
    second.close()


def test_calls_from_another_thread_share_it_too(server: Any) -> None:
    session = ServerSession(server)
    ids = [session.run(_call(session, "session_id"))]
    other = threading.Thread(target=lambda: ids.append(session.run(_call(session, "session_id"))))
    other.start()
    other.join()
    assert ids[0] == ids[1]
    session.close()


def test_a_blocking_caller_runs_coroutine_tools_on_its_own_thread(server: Any) -> None:
    session = ServerSession(server)
    assert session.run(_call(session, "thread")) == threading.get_ident()
    session.close()


def test_a_running_loop_does_not_stand_in_the_way_of_a_blocking_call(server: Any) -> None:
    session = ServerSession(server)

    async def main() -> tuple[str, str]:
        return session.run(_call(session, "session_id")), session.run(_call(session, "session_id"))

    one, two = asyncio.run(main())
    assert one == two == session.run(_call(session, "session_id"))
    session.close()


def test_an_awaiting_caller_uses_its_own_loop(server: Any) -> None:
    session = ServerSession(server)

    async def main() -> list[Any]:
        calls = [_call(session, name)() for name in ("session_id", "session_id", "thread")]
        return list(await asyncio.gather(*calls))

    one, two, thread = asyncio.run(main())
    assert one == two
    assert thread == threading.get_ident()
    session.close()


def test_each_loop_has_a_session_of_its_own(server: Any) -> None:
    session = ServerSession(server)
    assert asyncio.run(_call(session, "session_id")()) != asyncio.run(_call(session, "session_id")())
    session.close()


@pytest.mark.skipif(fastmcp.__version__ < "3", reason="FastMCP 2 runs plain functions on the loop")
def test_a_tool_may_call_a_tool_of_the_same_session(server: Any) -> None:
    session = ServerSession(server)

    def nested() -> str:
        return str(session.run(_call(session, "session_id")))

    server.tool(nested)
    assert session.run(_call(session, "nested")) == session.run(_call(session, "session_id"))
    session.close()


def test_a_tool_that_blocks_the_loop_is_given_another_session_for_what_it_calls(server: Any) -> None:
    session = ServerSession(server)

    async def nested() -> str:
        return str(session.run(_call(session, "session_id")))

    server.tool(nested)
    assert session.run(_call(session, "nested")) != session.run(_call(session, "session_id"))
    session.close()


def test_those_who_block_and_those_who_await_share_a_session(server: Any) -> None:
    session = ServerSession(server)
    begun = session.run(_call(session, "session_id"))

    async def main() -> list[Any]:
        blocked = await asyncio.to_thread(session.run, _call(session, "session_id"))
        return [await _call(session, "session_id")(), blocked]

    assert asyncio.run(main()) == [begun, begun]
    session.close()


def test_a_session_that_began_on_a_running_loop_is_reached_from_threads(server: Any) -> None:
    session = ServerSession(server)

    async def main() -> list[Any]:
        awaited = await _call(session, "session_id")()
        return [awaited, await asyncio.to_thread(session.run, _call(session, "session_id"))]

    awaited, blocked = asyncio.run(main())
    assert awaited == blocked
    session.close()


def test_what_a_tool_raised_is_known_once(server: Any) -> None:
    session = ServerSession(server)

    async def main() -> None:
        results = await asyncio.gather(
            *(session.call_tool("fail", {"message": word}) for word in ("one", "two", "three"))
        )
        assert all(result.is_error for result in results)
        texts = [result.content[0].text for result in results]
        raised = [session.failure_of("fail", text) for text in reversed(texts)]
        assert [str(error.__cause__) for error in raised if error] == ["three", "two", "one"]
        assert all(error and isinstance(error.__cause__, LookupError) for error in raised)
        assert session.failure_of("fail", texts[0]) is None

    asyncio.run(main())
    session.close()


def test_only_what_the_session_called_is_noted(server: Any) -> None:
    session = ServerSession(server)

    async def main() -> None:
        async with fastmcp.Client(server) as stranger:
            result = await stranger.call_tool("fail", {"message": "mine"}, raise_on_error=False)
        await session.list_tools()
        assert session.failure_of("fail", result.content[0].text) is None

    asyncio.run(main())
    session.close()


def test_a_closed_session_refuses_calls(server: Any) -> None:
    session = ServerSession(server)
    session.run(_call(session, "thread"))
    session.close()
    session.close()
    with pytest.raises(SessionClosedError, match="the environment was closed"):
        session.run(_call(session, "thread"))


def test_closing_ends_the_session_on_a_running_loop(server: Any) -> None:
    session = ServerSession(server)

    async def main() -> None:
        await session.list_tools()
        held = asyncio.all_tasks() - {asyncio.current_task()}
        assert held
        session.close()
        await asyncio.wait(held, timeout=30)
        assert not asyncio.all_tasks() - {asyncio.current_task()}

    asyncio.run(main())


def test_closing_within_a_call_takes_effect_after_it(server: Any) -> None:
    session = ServerSession(server)

    async def closing() -> list[str]:
        session.close()
        return ["done"]

    assert session.run(closing) == ["done"]
    with pytest.raises(SessionClosedError):
        session.run(session.list_tools)


def test_a_tool_that_hangs_on_a_thread_does_not_hold_up_closing(
    server: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("openenv.core.tools.server_session._CLOSE_TIMEOUT_S", 0.05)
    session, released = ServerSession(server), threading.Event()

    async def hang() -> None:
        await anyio.to_thread.run_sync(released.wait)

    async def give_up() -> None:
        await asyncio.wait_for(session.call_tool("hang", {}), 0.05)

    server.tool(hang)
    with pytest.raises(asyncio.TimeoutError):
        session.run(give_up)
    session.close()
    released.set()
    assert "left behind" in caplog.text


def test_nothing_is_left_behind(server: Any, recwarn: pytest.WarningsRecorder) -> None:
    threads = set(threading.enumerate())
    session = ServerSession(server)
    session.run(_call(session, "thread"))
    session.close()
    del session
    gc.collect()
    assert not [warning for warning in recwarn if issubclass(warning.category, ResourceWarning)]
    assert set(threading.enumerate()) <= threads


def test_names_are_told_without_a_session(server: Any) -> None:
    assert run_once(ServerSession(server).server.tool_names) == ["session_id", "thread", "fail"]


@pytest.mark.parametrize("wrong", ["http://somewhere", None, object()])
def test_only_servers_are_taken(wrong: Any) -> None:
    with pytest.raises(ConfigurationError, match=f"expected an MCP server.*got {type(wrong).__name__}"):
        ServerSession(wrong)
