from __future__ import annotations

import asyncio
from typing import Any

import pytest
from mcp import McpError
from mcp.types import PromptMessage, TextContent

from openenv.core.exceptions import ConfigurationError
from openenv.core.media import Image
from openenv.core.tools import prompt
from openenv.core.tools.prompt import prompt_messages, prompts_of
from openenv.testing import serve
from tests.core.env_server.mcp.conversing import conversing
from tests.core.worlds import Counter


class Prompting(Counter):
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


class Deriving(Prompting):
    def explain(self, amount: int, style: str = "long") -> str:
        return super().explain(amount, style)

    picture = None  # type: ignore[assignment]


def test_prompts_are_told_by_signature_and_docstring() -> None:
    assert [found.row() for found in prompts_of(Prompting).values()] == [
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
    assert list(prompts_of(Deriving)) == ["explain"]
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


def test_mcp_clients_fill_prompts_in() -> None:
    async def main(url: str) -> None:
        async with conversing(url) as talk:
            assert [found.name for found in (await talk.client.list_prompts()).prompts] == ["explain", "picture-it"]
            await talk.call("reset", start=2)
            explained = await talk.client.get_prompt("explain", {"amount": "3"})
            shown = await talk.client.get_prompt("picture-it")
            for name, arguments, told in (
                ("explain", {"amount": "much"}, "invalid arguments for prompt 'explain': 'amount'"),
                ("explain", {}, "'amount' is missing"),
                ("nothing", {}, "no prompt 'nothing': there are explain, picture-it"),
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

    with serve(Prompting) as server:
        asyncio.run(main(server.base_url))
