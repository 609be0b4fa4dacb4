"""Pictures, sounds and bytes as results of tools: what a tool returned is what a client has."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator
from typing import Any

import PIL.Image
import pydantic
import pytest
from mcp import types

from openenv.core.env_server.mcp_environment import MCPEnvironment
from openenv.core.env_server.mcp_types import CallToolAction, CallToolObservation
from openenv.core.env_server.types import Action, Observation, State
from openenv.core.mcp_client import MCPToolClient
from openenv.core.media import Audio, Image, content_block, is_block
from openenv.core.tools import tool
from openenv.testing import RunningServer, serve
from tests.core.driving import Drive, both_kinds
from tests.core.fastmcp_import import import_fastmcp
from tests.core.worlds import Counter

fastmcp = import_fastmcp()
helpers = importlib.import_module("fastmcp.utilities.types")

_ODD = bytes(range(256))
_LINK = {"type": "resource_link", "uri": "https://example.org/", "name": "elsewhere"}


class Point(pydantic.BaseModel):
    x: int
    tag: bytes = b""


class Showing(Counter):
    @tool
    def picture(self) -> Image:
        return Image(data=_ODD, mime_type="image/gif")

    @tool
    def sound(self) -> Audio:
        return Audio(data=_ODD)

    @tool
    def raw(self) -> bytes:
        return _ODD

    @tool
    def mixed(self) -> list[Any]:
        return ["look:", Image(data=_ODD), Point(x=1), types.ResourceLink.model_validate(_LINK)]

    @tool
    def point(self) -> Point:
        return Point(x=3, tag=b"\x00\xff")

    @tool
    def like_a_picture(self) -> dict[str, str]:
        return {"type": "image", "data": "AP8=", "mimeType": "image/png"}


EXPECTED: dict[str, Any] = {
    "picture": Image(data=_ODD, mime_type="image/gif"),
    "sound": Audio(data=_ODD, mime_type="audio/wav"),
    "raw": _ODD,
    "mixed": ["look:", Image(data=_ODD), {"x": 1, "tag": ""}, _LINK],
    "point": {"x": 3, "tag": "AP8="},
    "like_a_picture": {"type": "image", "data": "AP8=", "mimeType": "image/png"},
}


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    with serve(Showing) as server:
        yield server


@both_kinds
@pytest.mark.parametrize("binary", [False, True])
def test_a_client_has_what_the_tool_returned(server: RunningServer, drive: Drive, binary: bool) -> None:
    with drive(MCPToolClient(base_url=server.base_url, binary=binary)) as env:
        env.reset()
        assert {name: env.call("call_tool", name) for name in EXPECTED} == EXPECTED
        stepped = {name: env.step(CallToolAction(tool_name=name)).observation.result for name in EXPECTED}
        assert stepped == EXPECTED


def test_a_client_in_production_mode_has_it_too() -> None:
    with (
        serve(Showing, mode="production") as server,
        MCPToolClient(base_url=server.base_url, mode="production").sync() as env,
    ):
        assert {name: env.call_tool(name) for name in EXPECTED} == EXPECTED


def _served_picture() -> Any:
    return helpers.Image(data=_ODD, format="gif")


def _served_pair() -> Any:
    return ["look:", helpers.Image(data=_ODD, format="gif")]


class Served(MCPEnvironment):
    """Has the tools of a server, and one of its own."""

    def __init__(self) -> None:
        server = fastmcp.FastMCP("served")
        server.tool(_served_picture, name="picture")
        server.tool(_served_pair, name="pair")
        super().__init__(server)
        self.tool(name="raw")(lambda: _ODD)
        self.tool(name="sound")(lambda: Audio(data=_ODD))

    def reset(self, seed: int | None = None, episode_id: str | None = None, **kwargs: Any) -> Observation:
        return Observation()

    def _step_impl(self, action: Action, timeout_s: float | None = None, **kwargs: Any) -> Observation:
        return Observation()

    @property
    def state(self) -> State:
        return State()


@pytest.mark.parametrize("mode", ["simulation", "production"])
def test_tools_of_servers_give_pictures_too(mode: Any) -> None:
    picture = Image(data=_ODD, mime_type="image/gif")
    with serve(Served, mode=mode) as server, MCPToolClient(base_url=server.base_url, mode=mode).sync() as env:
        assert env.call_tool("picture") == picture
        assert env.call_tool("pair") == ["look:", picture]
        assert env.call_tool("raw") == _ODD
        assert env.call_tool("sound") == Audio(data=_ODD)


def test_pictures_are_content_blocks_in_json() -> None:
    with MCPToolClient.from_environment(Showing).sync() as env:
        env.reset()
        observation = env.step(CallToolAction(tool_name="picture")).observation
    told = json.loads(observation.model_dump_json())
    assert told["result"]["type"] == "image"
    assert told["result"]["data"].startswith("AAECAwQF")
    assert told["result"]["mimeType"] == "image/gif"
    assert CallToolObservation.model_validate(told) == observation


def test_a_picture_of_pillow_becomes_a_file() -> None:
    block = content_block(PIL.Image.new("RGB", (2, 1), "red"))
    assert isinstance(block, Image)
    assert (block.mime_type, block.data[:8]) == ("image/png", b"\x89PNG\r\n\x1a\n")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (helpers.Image(data=b"a", format="jpeg"), Image(data=b"a", mime_type="image/jpeg")),
        (helpers.Audio(data=b"a", format="mp3"), Audio(data=b"a", mime_type="audio/mp3")),
        (types.ImageContent(type="image", data="YQ==", mimeType="image/png"), Image(data=b"a")),
        (types.AudioContent(type="audio", data="YQ==", mimeType="audio/wav"), Audio(data=b"a")),
        (types.TextContent(type="text", text="a"), "a"),
        (types.ResourceLink.model_validate(_LINK), _LINK),
        (Point(x=1), None),
        ({"type": "image"}, None),
        (helpers.Image, None),
        ("text", None),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_others_have_for_content_is_content(value: object, expected: object) -> None:
    assert content_block(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        {"type": "text"},
        {"type": "image", "data": 5, "mimeType": "image/png"},
        {"type": "resource", "resource": {"uri": "a:b"}},
        {"type": "resource_link", "uri": "a:b"},
        {"type": "other", "text": "a"},
        {},
        "text",
    ],
    ids=str,
)
def test_what_lacks_a_field_is_no_content(value: object) -> None:
    assert not is_block(value)


def test_data_that_is_no_base64_is_refused() -> None:
    with pytest.raises(pydantic.ValidationError, match="expected base64"):
        Image.model_validate({"data": "no!", "mimeType": "image/png"})
