"""The page on rewards asks a judge, and this is the one that it asks."""

from __future__ import annotations

from tests.core.rubrics.chat_server import Reply, chatting
from tests.docs.pages import ROOT, blocks_of, promised_lines, run_python


def test_a_model_judges_as_the_page_says() -> None:
    [block] = [block for block in blocks_of(ROOT / "docs" / "rewards.md") if "judge" in block.needs]

    with chatting(Reply('{"why": "warm", "score": 8}')) as chat:
        # Both are asked at once, in whichever order.
        chat.choose = lambda prompt: Reply("0.8") if "helpful" in prompt else Reply('{"why": "warm", "score": 8}')
        printed, _ = run_python(block, chat.base_url.removesuffix("/v1"), {})

    assert printed == promised_lines(block)
    assert any("How polite is this, from 0 to 10?\nOf course, gladly!\nAnswer as JSON" in text for text in chat.prompts)
