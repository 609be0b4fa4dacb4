"""What an MCP client is told of a tool and by it: schemas of results, content, progress, messages."""

from __future__ import annotations

import asyncio
import base64
import math
import threading
from collections.abc import Iterator
from typing import Any

import pydantic
import pytest
from mcp.types import LoggingMessageNotificationParams

from openenv.core import ServerSettings
from openenv.core.media import Audio, Image
from openenv.core.tools import ToolContext, tool
from openenv.testing import RunningServer, serve
from tests.core.env_server.mcp.conversing import conversing
from tests.core.worlds import Counter


class Point(pydantic.BaseModel):
    x: int


class Busy(pydantic.BaseModel):
    where: str = ""

    @pydantic.field_serializer("where")
    def tell(self, value: str) -> str:
        return threading.current_thread().name


class Telling(Counter):
    """Tells much."""

    rubric = staticmethod(lambda action, observation: 0.5)

    @tool
    def point(self, x: int) -> Point:
        return Point(x=x)

    @tool
    def maybe_point(self, x: int) -> Point | None:
        return Point(x=x) if x else None

    @tool
    def numbers(self, upto: int) -> list[int]:
        return list(range(upto))

    @tool
    def nothing(self) -> None: ...

    @tool
    def promise(self) -> int:
        return "three"  # type: ignore[return-value]

    @tool
    def odds(self, known: bool) -> float:
        return math.inf if known else None  # type: ignore[return-value]

    @tool
    def losses(self) -> dict[str, list[float]]:
        return {"losses": [0.5, math.nan]}

    @tool
    def loss(self) -> Any:
        return math.nan

    @tool
    def busy(self) -> Busy:
        return Busy()

    @tool
    def show(self) -> list[Any]:
        return ["look:", Image(data=b"gif", mime_type="image/gif"), Audio(data=b"wav")]

    @tool
    def picture(self) -> Image | None:
        return Image(data=b"png")

    @tool
    def raw(self) -> bytes:
        return b"\xff"

    @tool
    def build(self, context: ToolContext) -> str:
        """Build in three parts, on a thread."""
        for part in range(3):
            context.report_progress(part + 1, 3, f"part {part + 1}")
        for level in ("debug", "info", "error"):
            context.log(f"a word of {level}", level)
        return threading.current_thread().name

    @tool
    async def build_later(self, context: ToolContext) -> str:
        """Build on the event loop."""
        for part in range(3):
            context.report_progress(part + 1, 3)
            await asyncio.sleep(0)
        return "built"


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    with serve(Telling) as server:
        yield server


def test_results_are_structured_as_their_schemas_say(server: RunningServer) -> None:
    async def main() -> None:
        async with conversing(server.base_url) as talk:
            # The SDK's client checks each result by its tool's schema.
            schemas = {tool.name: tool.outputSchema for tool in (await talk.client.list_tools()).tools}
            results = [
                await talk.call("point", x=1),
                await talk.call("maybe_point", x=1),
                await talk.call("maybe_point", x=0),
                await talk.call("numbers", upto=2),
                await talk.call("nothing"),
            ]
        told = [result.structuredContent for result in results]
        assert told == [{"x": 1}, {"result": {"x": 1}}, {"result": None}, {"result": [0, 1]}, None]
        assert results[0].meta == {"openenv/reward": 0.5, "openenv/done": False}
        point, numbers = schemas["point"] or {}, schemas["numbers"] or {}
        assert (point["type"], list(point["properties"])) == ("object", ["x"])
        assert numbers["properties"]["result"] == {"items": {"type": "integer"}, "type": "array"}
        without = {name for name, schema in schemas.items() if schema is None}
        assert without == {"reset", "step", "state", "nothing", "loss", "raw", "picture"}

    asyncio.run(main())


def test_results_become_json_where_tools_run(server: RunningServer) -> None:
    async def main() -> None:
        async with conversing(server.base_url) as talk:
            busy, built = await talk.call("busy"), await talk.call("build")
        assert (busy.structuredContent or {})["where"] == (built.structuredContent or {})["result"]

    asyncio.run(main())


def test_a_result_that_its_schema_rules_out_is_a_failure(server: RunningServer) -> None:
    async def main() -> None:
        async with conversing(server.base_url) as talk:
            await talk.client.list_tools()
            failed = await talk.call("promise")
            assert failed.isError
            error = (failed.structuredContent or {})["error"]
            assert error["type"] == "TypeError"
            assert "$.result: 'three' is not of type 'integer'" in error["message"]
            assert (failed.meta or {})["openenv/reward"] == 0.5

    asyncio.run(main())


def test_numbers_that_json_lacks_are_null_in_the_structure_and_named_in_the_text(server: RunningServer) -> None:
    async def main() -> None:
        async with conversing(server.base_url) as talk:
            told = [await talk.call("odds", known=True), await talk.call("losses"), await talk.call("loss")]
            unknown = await talk.call("odds", known=False)
            schemas = {tool.name: tool.outputSchema or {} for tool in (await talk.client.list_tools()).tools}
        texts: list[Any] = [result.content[0] for result in told]
        assert [text.text for text in texts] == ["Infinity", '{"losses":[0.5,"NaN"]}', "NaN"]
        structures = [result.structuredContent for result in told]
        assert structures == [{"result": None}, {"losses": [0.5, None]}, {"result": None}]
        assert schemas["odds"]["properties"]["result"] == {"type": ["number", "null"]}
        # What a tool does not say that it returns is a failure as before.
        assert unknown.isError

    asyncio.run(main())


def test_pictures_sounds_and_bytes_are_content(server: RunningServer) -> None:
    async def main() -> None:
        async with conversing(server.base_url) as talk:
            shown, raw, picture = await talk.call("show"), await talk.call("raw"), await talk.call("picture")
        blocks = [block.model_dump(exclude_none=True) for block in shown.content]
        assert blocks == [
            {"type": "text", "text": "look:"},
            {"type": "image", "data": base64.b64encode(b"gif").decode(), "mimeType": "image/gif"},
            {"type": "audio", "data": base64.b64encode(b"wav").decode(), "mimeType": "audio/wav"},
        ]
        assert (picture.content[0].type, picture.structuredContent) == ("image", None)
        told: Any = raw.content[0]
        assert (told.type, told.resource.blob) == ("resource", "/w==")

    asyncio.run(main())


@pytest.mark.parametrize("name", ["build", "build_later"])
def test_progress_reaches_who_asked_for_it(server: RunningServer, name: str) -> None:
    told: list[tuple[float, float | None, str | None]] = []

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        told.append((progress, total, message))

    async def main() -> None:
        async with conversing(server.base_url) as talk:
            result = await talk.client.call_tool(name, {}, progress_callback=hear)
            assert not result.isError
            # Each is there before the result.
            assert [(progress, total) for progress, total, _ in told] == [(1, 3), (2, 3), (3, 3)]
            assert not (await talk.call(name)).isError
        assert len(told) == 3

    asyncio.run(main())


@pytest.mark.parametrize(("level", "heard"), [(None, 2), ("debug", 3), ("error", 1)])
def test_messages_are_passed_on_from_the_level_wanted(server: RunningServer, level: Any, heard: int) -> None:
    told: list[LoggingMessageNotificationParams] = []

    async def hear(message: LoggingMessageNotificationParams) -> None:
        told.append(message)

    async def main() -> None:
        async with conversing(server.base_url, logging_callback=hear) as talk:
            if level is not None:
                await talk.client.set_logging_level(level)
            await talk.call("build")
        words = [("debug", "a word of debug"), ("info", "a word of info"), ("error", "a word of error")]
        assert [(message.level, message.data) for message in told] == words[-heard:]

    asyncio.run(main())


def test_an_environment_in_a_process_of_its_own_tells_as_much() -> None:
    told: list[float] = []

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        told.append(progress)

    async def main(url: str) -> None:
        async with conversing(url) as talk:
            result = await talk.client.call_tool("build", {}, progress_callback=hear)
            assert result.structuredContent == {"result": "MainThread"}

    with serve(Telling, settings=ServerSettings(isolation="process")) as server:
        asyncio.run(main(server.base_url))
    assert told == [1, 2, 3]
