from __future__ import annotations

import asyncio
import enum
from collections.abc import Iterator
from typing import Any, Literal

import pytest
from mcp import McpError
from mcp.types import PromptMessage, PromptReference, TextContent

from openenv.core.exceptions import ConfigurationError
from openenv.core.media import Image
from openenv.core.tools import prompt
from openenv.core.tools.prompt import prompt_messages, prompts_of
from openenv.testing import RunningServer, serve
from tests.core.env_server.mcp.conversing import conversing
from tests.core.worlds import Counter


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Prompting(Counter):
    @prompt
    def paint(self, colour: Colour, size: Literal["small", "smaller", "large"] | None = None) -> str:
        return f"paint it {colour.name}"

    @prompt
    def explain(self, amount: int, style: str = "short") -> str:
        """Explain what adding does.

        Args:
            amount: How much is added.
        """
        return f"{style}: {self.total} + {amount} = {self.total + amount}"

    @prompt(name="picture-it", description="Show it.")
    async def picture(self) -> list[Any]:
        return ["look:", Image(data=b"png"), {"role": "assistant", "content": "I see."}]


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    with serve(Prompting) as server:
        yield server


class Deriving(Prompting):
    def explain(self, amount: int, style: str = "long") -> str:
        return super().explain(amount, style)

    picture = None  # type: ignore[assignment]


def test_prompts_are_told_by_signature_and_docstring() -> None:
    assert [found.row() for found in prompts_of(Prompting).values()][1:] == [
        {
            "name": "explain",
            "description": "Explain what adding does.",
            "arguments": [
                {"name": "amount", "description": "How much is added.", "required": True},
                {"name": "style", "description": "", "required": False},
            ],
        },
        {"name": "picture-it", "description": "Show it.", "arguments": []},
    ]


def test_only_what_is_marked_is_a_prompt_overridden_or_not() -> None:
    assert list(prompts_of(Counter)) == []
    assert prompts_of(Deriving())["explain"].function(1) == "long: 0 + 1 = 1"
    assert list(prompts_of(Deriving)) == ["paint", "explain"]
    with pytest.raises(ConfigurationError, match="@prompt marks methods; got int"):
        prompt(3)  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("returned", "messages"),
    [
        ("a", [("user", "text")]),
        (Image(data=b"png"), [("user", "image")]),
        (["a", {"role": "assistant", "content": Image(data=b"png")}], [("user", "text"), ("assistant", "image")]),
        (
            PromptMessage(role="assistant", content=TextContent(type="text", text="a")),
            [("assistant", "text")],
        ),
        ({"a": 1}, [("user", "text")]),
    ],
    ids=["text", "image", "messages", "of the SDK", "other"],
)
def test_what_a_prompt_returns_becomes_messages(returned: object, messages: list[tuple[str, str]]) -> None:
    assert [(told["role"], told["content"]["type"]) for told in prompt_messages(returned)] == messages


@pytest.mark.parametrize(
    ("name", "argument", "begun", "values"),
    [
        ("paint", "colour", "", ["red", "blue"]),
        ("paint", "colour", "B", ["blue"]),
        ("paint", "size", "sm", ["small", "smaller"]),
        ("explain", "style", "s", []),
        ("paint", "nothing", "", []),
        ("nothing", "colour", "", []),
    ],
)
def test_arguments_with_a_few_values_are_completed(
    name: str, argument: str, begun: str, values: list[str], server: RunningServer
) -> None:
    async def main(url: str) -> None:
        async with conversing(url) as talk:
            reference = PromptReference(type="ref/prompt", name=name)
            told = (await talk.client.complete(reference, {"name": argument, "value": begun})).completion
            assert (told.values, told.total, told.hasMore) == (values, len(values), False)

    asyncio.run(main(server.base_url))


def test_mcp_clients_fill_prompts_in(server: RunningServer) -> None:
    async def main(url: str) -> None:
        async with conversing(url) as talk:
            names = [found.name for found in (await talk.client.list_prompts()).prompts]
            assert names == ["paint", "explain", "picture-it"]
            await talk.call("reset", start=2)
            explained = await talk.client.get_prompt("explain", {"amount": "3"})
            shown = await talk.client.get_prompt("picture-it")
            for name, arguments, told in (
                ("explain", {"amount": "much"}, "invalid arguments for prompt 'explain': 'amount'"),
                ("explain", {}, "'amount' is missing"),
                ("nothing", {}, "no prompt 'nothing': there are paint, explain, picture-it"),
            ):
                with pytest.raises(McpError, match=told):
                    await talk.client.get_prompt(name, arguments)
        (message,) = explained.messages
        assert getattr(message.content, "text", "") == "short: 2 + 3 = 5"
        assert [(each.role, each.content.type) for each in shown.messages] == [
            ("user", "text"),
            ("user", "image"),
            ("assistant", "text"),
        ]

    asyncio.run(main(server.base_url))
