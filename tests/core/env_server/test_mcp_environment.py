from __future__ import annotations

import asyncio
import contextlib
import gc
import inspect
import json
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from openenv.core.env_server.mcp_environment import MCPEnvironment
from openenv.core.env_server.mcp_types import (
    CallToolAction,
    CallToolObservation,
    ListToolsAction,
    ListToolsObservation,
    ToolErrorType,
)
from openenv.core.env_server.types import Action, Observation, State
from openenv.core.exceptions import ConfigurationError, SessionClosedError
from openenv.core.tools import plain_result, tool
from openenv.core.wire.codec import decode, encode_observation
from tests.core.fastmcp_import import import_fastmcp

fastmcp = import_fastmcp()

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

Step = Callable[[MCPEnvironment, Action], Observation]


class Poke(Action):
    where: str = "here"


class Shop(MCPEnvironment):
    def __init__(self) -> None:
        super().__init__(_server())
        self.calls: list[tuple[Action, float | None, dict[str, Any]]] = []

        @self.tool
        def stock(item: str, more: int = 1) -> dict[str, int]:
            """Count an item."""
            return {item: more}

        @self.tool(mode="simulation", name="pay")
        async def pretend(amount: int) -> str:
            return f"pretended to pay {amount}"

        @self.tool(mode="production", name="pay")
        async def really(amount: int) -> str:
            return f"paid {amount}"

    @tool
    def prices(self) -> list[int]:
        """Tell the prices."""
        return [1, 2]

    @tool
    def collapse(self) -> None:
        raise ArithmeticError("bankrupt")

    def reset(self, seed: int | None = None, episode_id: str | None = None, **kwargs: Any) -> Observation:
        return Observation()

    def _step_impl(self, action: Action, timeout_s: float | None = None, **kwargs: Any) -> Observation:
        self.calls.append((action, timeout_s, kwargs))
        return Observation(reward=1.0)

    @property
    def state(self) -> State:
        return State()


def _greet(name: str) -> str:
    """Greet a customer."""
    return f"Hello, {name}"


def _untyped(name):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    return f"Hello, {name}"


def _fail() -> None:
    raise LookupError("Unknown tool: invalid argument, timed out")


def _distrust() -> None:
    Poke.model_validate({"where": 3})


def _late() -> None:
    raise TimeoutError("the database")


async def _wait() -> None:
    await asyncio.Event().wait()


async def _session_id() -> str:
    return str(fastmcp.server.dependencies.get_context().session_id)


def _server() -> Any:
    server = fastmcp.FastMCP("shop")
    for function in (_greet, _untyped, _fail, _distrust, _late, _wait, _session_id):
        server.tool(function, name=function.__name__.removeprefix("_"))
    return server


def _in_sync_code(environment: MCPEnvironment, action: Action) -> Observation:
    return environment.step(action)


def _in_a_running_loop(environment: MCPEnvironment, action: Action) -> Observation:
    async def main() -> Observation:
        return environment.step(action)

    return asyncio.run(main())


def _awaited(environment: MCPEnvironment, action: Action) -> Observation:
    return asyncio.run(environment.step_async(action))


@pytest.fixture(params=[_in_sync_code, _in_a_running_loop, _awaited], ids=lambda function: function.__name__)
def step(request: pytest.FixtureRequest) -> Step:
    chosen: Step = request.param
    return chosen


@pytest.fixture
def shop() -> Any:
    environment = Shop()
    yield environment
    environment.close()


def _called(step: Step, shop: Shop, tool_name: str, /, **arguments: Any) -> CallToolObservation:
    observation = step(shop, CallToolAction(tool_name=tool_name, arguments=arguments))
    assert isinstance(observation, CallToolObservation)
    assert observation.tool_name == tool_name
    return observation


def _failed(step: Step, shop: Shop, tool_name: str, /, **arguments: Any) -> Any:
    observation = _called(step, shop, tool_name, **arguments)
    assert observation.result is None
    assert observation.error is not None
    return observation.error


def test_the_servers_tools_and_its_own_are_listed(step: Step, shop: Shop) -> None:
    observation = step(shop, ListToolsAction())
    assert isinstance(observation, ListToolsObservation)
    tools = {tool.name: tool for tool in observation.tools}
    assert list(tools) == [
        *("greet", "untyped", "fail", "distrust", "late", "wait", "session_id"),
        *("prices", "collapse", "stock", "pay"),
    ]
    assert tools["greet"].description == "Greet a customer."
    assert tools["greet"].input_schema["properties"] == {"name": {"type": "string"}}
    assert tools["stock"].input_schema["required"] == ["item"]


def test_a_tool_of_the_server_gives_fastmcps_result(step: Step, shop: Shop) -> None:
    observation = _called(step, shop, "greet", name="Ada")
    assert observation.error is None
    assert observation.result.data == "Hello, Ada"
    assert (observation.reward, observation.done) == (None, False)


def test_on_the_wire_the_result_is_what_deployed_clients_read(step: Step, shop: Shop) -> None:
    sent = decode(encode_observation(_called(step, shop, "greet", name="Ada")))["observation"]["result"]
    assert sent.pop("meta") in (None, {"fastmcp": {"wrap_result": True}})
    assert sent == {
        "content": [{"type": "text", "text": "Hello, Ada", "annotations": None, "meta": None}],
        "structured_content": {"result": "Hello, Ada"},
        "data": "Hello, Ada",
        "is_error": False,
    }


def test_a_result_that_fastmcp_only_gives_as_text_is_not_lost(step: Step, shop: Shop) -> None:
    sent = decode(encode_observation(_called(step, shop, "untyped", name="Ada")))["observation"]["result"]
    assert plain_result(sent) == "Hello, Ada"


def test_a_function_given_to_the_environment_gives_the_same_shape(step: Step, shop: Shop) -> None:
    observation = _called(step, shop, "stock", item="tea", more="2")
    assert observation.result.data == {"tea": 2}
    sent = decode(encode_observation(observation))["observation"]["result"]
    assert sent == {
        "content": [{"type": "text", "text": '{"tea":2}', "annotations": None, "meta": None}],
        "structured_content": {"tea": 2},
        "meta": None,
        "data": {"tea": 2},
        "is_error": False,
    }


def test_a_marked_method_gives_what_it_returned(step: Step, shop: Shop) -> None:
    assert _called(step, shop, "prices").result == [1, 2]


@pytest.mark.parametrize(("mode", "words"), [("simulation", "pretended to pay 3"), ("production", "paid 3")])
def test_a_tool_of_two_modes_is_that_of_the_servers_mode(step: Step, shop: Shop, mode: Any, words: str) -> None:
    shop.tool_mode = mode
    assert _called(step, shop, "pay", amount=3).result.data == words


def test_a_tool_of_another_mode_is_not_offered(step: Step, shop: Shop) -> None:
    @shop.tool(mode="production")
    def ship() -> None: ...

    listed = step(shop, ListToolsAction())
    assert isinstance(listed, ListToolsObservation)
    assert "ship" not in [tool.name for tool in listed.tools]
    error = _failed(step, shop, "ship")
    assert error.error_type is ToolErrorType.TOOL_NOT_FOUND
    assert "it is offered in production mode only" in error.message


def test_an_unknown_tool_names_all_that_there_are(step: Step, shop: Shop) -> None:
    error = _failed(step, shop, "gret")
    assert error.error_type is ToolErrorType.TOOL_NOT_FOUND
    assert "did you mean 'greet'?" in error.message
    assert "prices" in error.message
    assert "stock" in error.message


@pytest.mark.parametrize(
    ("name", "arguments", "argument"),
    [
        ("greet", {}, "name"),
        ("greet", {"name": "Ada", "nam": 1}, "nam"),
        ("greet", {"name": 3}, "name"),
        ("stock", {}, "item"),
        ("stock", {"item": "tea", "mor": 1}, "mor"),
        ("pay", {"amount": "much"}, "amount"),
    ],
)
def test_invalid_arguments_are_named(
    step: Step, shop: Shop, name: str, arguments: dict[str, Any], argument: str
) -> None:
    error = _failed(step, shop, name, **arguments)
    assert error.error_type is ToolErrorType.INVALID_ARGS
    assert argument in error.message


@pytest.mark.parametrize(
    ("name", "exception", "words"),
    [
        ("fail", "LookupError", "Unknown tool: invalid argument, timed out"),
        ("distrust", "ValidationError", "where"),
        ("collapse", "ArithmeticError", "bankrupt"),
    ],
)
def test_a_tool_that_raises_is_told_by_its_exception_not_its_words(
    step: Step, shop: Shop, name: str, exception: str, words: str
) -> None:
    error = _failed(step, shop, name)
    assert error.error_type is ToolErrorType.EXECUTION_ERROR
    assert error.exception_type == exception
    assert words in error.message


def test_a_timeout_that_a_tool_raises_is_a_timeout(step: Step, shop: Shop) -> None:
    error = _failed(step, shop, "late")
    assert error.error_type is ToolErrorType.TIMEOUT
    assert "the database" in error.message


@pytest.mark.parametrize("awaited", [False, True])
def test_a_tool_past_its_deadline_is_a_timeout_and_the_session_goes_on(shop: Shop, awaited: bool) -> None:
    action = CallToolAction(tool_name="wait")

    async def main() -> tuple[Observation, Observation]:
        greet = CallToolAction(tool_name="greet", arguments={"name": "Ada"})
        if awaited:
            return await shop.step_async(action, timeout_s=0.05), await shop.step_async(greet)
        return shop.step(action, timeout_s=0.05), shop.step(greet)

    late, after = asyncio.run(main())
    assert isinstance(late, CallToolObservation)
    assert late.error is not None
    assert late.error.error_type is ToolErrorType.TIMEOUT
    assert late.error.message == "tool 'wait' took longer than 0.05 s"
    assert isinstance(after, CallToolObservation)
    assert after.result.data == "Hello, Ada"


def test_every_other_action_goes_to_the_author(step: Step, shop: Shop) -> None:
    assert step(shop, Poke(where="there")).reward == 1.0
    assert shop.calls == [(Poke(where="there"), None, {})]


def test_the_deadline_and_further_arguments_reach_the_author(shop: Shop) -> None:
    shop.step(Poke(), timeout_s=2.0, hard=True)
    asyncio.run(shop.step_async(Poke(), timeout_s=3.0, hard=False))
    assert shop.calls == [(Poke(), 2.0, {"hard": True}), (Poke(), 3.0, {"hard": False})]


def test_an_awaited_step_runs_plain_code_beside_the_loop(shop: Shop) -> None:
    threads: list[int] = []

    @shop.tool
    def where() -> None:
        threads.append(threading.get_ident())

    asyncio.run(shop.step_async(CallToolAction(tool_name="where")))
    shop.step(CallToolAction(tool_name="where"))
    assert threads[0] != threading.get_ident()
    assert threads[1] == threading.get_ident()


def test_the_mcp_session_lives_as_long_as_the_environment(shop: Shop) -> None:
    other = Shop()
    one, two, three = (_called(_in_sync_code, env, "session_id").result.data for env in (shop, shop, other))
    other.close()
    assert one == two
    assert three != one


def test_two_environments_of_one_server_keep_their_own_tools_apart() -> None:
    server = _server()

    class Stall(Shop):
        def __init__(self, owner: str) -> None:
            MCPEnvironment.__init__(self, server)

            @self.tool
            def who() -> str:
                return owner

    stalls = [Stall("Ada"), Stall("Bob")]
    assert [_called(_in_sync_code, stall, "who").result.data for stall in stalls] == ["Ada", "Bob"]
    for stall in stalls:
        stall.close()


def test_a_step_that_a_subclass_overrides_is_not_passed_by(step: Step) -> None:
    class Counting(Shop):
        steps = 0

        def step(self, action: Action, timeout_s: float | None = None, **kwargs: Any) -> Observation:
            self.steps += 1
            return super().step(action, timeout_s=timeout_s, **kwargs)

    counting = Counting()
    assert _called(step, counting, "greet", name="Ada").result.data == "Hello, Ada"
    assert counting.steps == 1
    counting.close()


def test_both_overrides_of_a_subclass_are_taken_at_their_word() -> None:
    class Counting(Shop):
        steps: list[str]

        def step(self, action: Action, timeout_s: float | None = None, **kwargs: Any) -> Observation:
            self.steps.append("sync")
            return super().step(action, timeout_s=timeout_s, **kwargs)

        async def step_async(self, action: Action, timeout_s: float | None = None, **kwargs: Any) -> Observation:
            self.steps.append("async")
            return await super().step_async(action, timeout_s=timeout_s, **kwargs)

    counting = Counting()
    counting.steps = []
    assert _called(_awaited, counting, "greet", name="Ada").result.data == "Hello, Ada"
    assert counting.steps == ["async"]
    counting.close()


def test_a_failed_listing_raises(step: Step, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(context: Any, call_next: Any) -> Any:
        if context.method == "tools/list":
            raise ConnectionError("the tools are away")
        return await call_next(context)

    shop.mcp_server.add_middleware(broken)
    with pytest.raises(Exception, match="the tools are away"):
        step(shop, ListToolsAction())


@pytest.mark.parametrize("reserved", ["reset", "step", "state", "close"])
def test_a_server_with_a_reserved_tool_name_is_refused(reserved: str) -> None:
    server = fastmcp.FastMCP("bad")
    server.tool(lambda: None, name=reserved)

    class Bad(Shop):
        def __init__(self) -> None:
            MCPEnvironment.__init__(self, server)

    with pytest.raises(ConfigurationError, match=f"tools of Bad cannot be named {reserved}"):
        Bad()


def test_reserved_names_and_unknown_modes_are_refused_for_functions(shop: Shop) -> None:
    with pytest.raises(ConfigurationError, match="'reset' is an operation"):

        @shop.tool
        def reset() -> None: ...

    with pytest.raises(ConfigurationError, match="unknown mode 'test'"):
        shop.tool(mode="test", name="x")(reset_like)  # type: ignore[call-overload]


def reset_like() -> None: ...


def test_a_later_function_replaces_an_earlier_one(shop: Shop) -> None:
    @shop.tool(name="stock")
    def recount() -> str:
        return "none"

    assert _called(_in_sync_code, shop, "stock").result.data == "none"


def test_a_function_may_hide_that_it_is_awaited(step: Step, shop: Shop) -> None:
    async def price(item: str) -> int:
        await asyncio.sleep(0)
        return len(item)

    shop.tool(name="price")(lambda item: price(item))
    assert _called(step, shop, "price", item="tea").result.data == 3


def test_the_functions_stay_functions(shop: Shop) -> None:
    @shop.tool(mode="simulation")
    def add(a: int, b: int) -> int:
        return a + b

    assert add(1, 2) == 3
    assert inspect.isfunction(add)


def test_a_closed_environment_refuses_tool_calls(step: Step) -> None:
    shop = Shop()
    step(shop, ListToolsAction())
    shop.close()
    shop.close()
    assert shop.mcp_server is None
    with pytest.raises(SessionClosedError):
        step(shop, ListToolsAction())


@pytest.mark.parametrize("closed", [True, False], ids=["closed", "dropped"])
def test_the_servers_lifespan_ends_with_the_environment(closed: bool) -> None:
    events: list[str] = []

    @contextlib.asynccontextmanager
    async def lifespan(_server: Any) -> AsyncIterator[None]:
        events.append("began")
        try:
            yield
        finally:
            events.append("ended")

    class Stall(Shop):
        def __init__(self) -> None:
            MCPEnvironment.__init__(self, fastmcp.FastMCP("stall", lifespan=lifespan))

    stall = Stall()
    stall.step(ListToolsAction())
    assert events == ["began"]
    if closed:
        stall.close()
    else:
        del stall
        gc.collect()
    assert events == ["began", "ended"]


def test_tools_of_many_environments_run_at_once() -> None:
    shops = [Shop() for _ in range(8)]

    async def main() -> list[Observation]:
        calls = (shop.step_async(CallToolAction(tool_name="greet", arguments={"name": str(i)})) for i, shop in names)
        return list(await asyncio.gather(*calls))

    names = list(enumerate(shops))
    words = [
        json.loads(encode_observation(observation))["observation"]["result"]["data"]
        for observation in asyncio.run(main())
    ]
    assert words == [f"Hello, {i}" for i in range(8)]
    for shop in shops:
        shop.close()
