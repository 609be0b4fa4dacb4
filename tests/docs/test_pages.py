"""Every page does what it says: its Python runs, and prints what its comments promise."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

from echo_env import EchoAction, EchoEnv
from openenv import AutoAction, AutoEnv
from tests.docs.pages import ROOT, Block, blocks_of, promised_lines, run_python

PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md")), *sorted(ROOT.glob("envs/*/README.md"))]
PYTHON = [block for page in PAGES for block in blocks_of(page) if block.language == "python" and not block.needs]
_LINK = re.compile(r"\]\((?!https?:)([^)#]+)")


def _imported_above() -> dict[str, Any]:
    """Return the names that readers have from the blocks above, or choose themselves."""
    imported = {"asyncio": asyncio, "AutoAction": AutoAction, "AutoEnv": AutoEnv}
    actions = {name: EchoAction(message=name) for name in ("action", "action1", "action2")}
    return {**imported, "EchoAction": EchoAction, "EchoEnv": EchoEnv, **actions}


@pytest.mark.parametrize("block", PYTHON, ids=lambda block: block.place)
def test_a_snippet_does_what_its_comments_say(block: Block, echo_url: str) -> None:
    printed, _ = run_python(block, echo_url, _imported_above())

    promised = promised_lines(block)
    if promised:
        shown = [line if promise is None else promise for line, promise in zip(printed, promised, strict=True)]
        assert printed == shown


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    links = _LINK.findall(page.read_text(encoding="utf-8"))

    assert [link for link in links if not (page.parent / link).exists()] == []


def test_a_snippet_that_does_not_keep_its_promise_is_noticed(tmp_path: Path, echo_url: str) -> None:
    page = tmp_path / "page.md"
    page.write_text('```python\nprint("one")  # "two"\n```\n', encoding="utf-8")
    [block] = blocks_of(page)

    with pytest.raises(AssertionError):
        test_a_snippet_does_what_its_comments_say(block, echo_url)
