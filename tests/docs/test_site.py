"""What the site is made by, beside MkDocs: the notebook's page, and the look through what was built."""

from __future__ import annotations

import base64
import json
import zlib
from pathlib import Path

import pytest

from scripts.check_site import complaints
from scripts.notebook_page import notebook_page


def test_a_notebook_becomes_a_page_with_what_it_printed_and_drew(tmp_path: Path) -> None:
    drawn = {"data": {"image/png": base64.b64encode(b"a picture").decode(), "text/plain": "<Figure>"}}
    cells = [
        {"cell_type": "markdown", "source": ["# Play\n", "[on](#2.-Go-on)\n"]},
        {"cell_type": "code", "source": ["print(1)"], "outputs": [{"text": ["1\n"]}, drawn]},
    ]
    (tmp_path / "play.ipynb").write_text(json.dumps({"cells": cells}))

    page, pictures = notebook_page(tmp_path / "play.ipynb", "play_")

    assert pictures == {"play_1.png": b"a picture"}
    assert page.split("\n\n") == [
        "# Play\n[on](#2-go-on)",
        "```python\nprint(1)\n```",
        "```text\n1\n```",
        "![What the cell above draws](play_1.png)\n",
    ]


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Return a site that describes `a.known`."""
    inventory = zlib.compress(b"a.known py:class 1 a/#a.known -\n")
    (tmp_path / "objects.inv").write_bytes(b"# Sphinx inventory version 2\n# using zlib.\n" + inventory)
    return tmp_path


def test_a_site_that_keeps_to_itself_is_good(site: Path) -> None:
    (site / "index.html").write_text('<link href="a.css"><a href="https://example.org">there</a><a href="#x">x</a>')
    (site / "a.css").write_text("@import url(b.css); a { background: url(data:image/png;base64,AA) }")

    assert list(complaints(site, {"a.known"})) == []


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        (
            "a.html",
            '<script src="https://cdn.example.org/a.js"></script>',
            "a.html: https://cdn.example.org/a.js is fetched",
        ),
        ("a.html", '<img src="//example.org/a.png">', "a.html: //example.org/a.png is fetched"),
        ("a.css", "a { background: url('https://example.org/a.png') }", "a.css: https://example.org/a.png is fetched"),
        ("a.html", '<a href="https:///nowhere">', "a.html: https:///nowhere is no address"),
        ("a.html", '<a href="htps://example.org">', "a.html: htps://example.org is no address"),
    ],
)
def test_what_is_wrong_is_told(site: Path, name: str, text: str, told: str) -> None:
    (site / name).write_text(text)

    [complaint] = complaints(site, {"a.known"})
    assert complaint.startswith(told)


def test_a_name_without_a_description_is_told(site: Path) -> None:
    assert list(complaints(site, {"a.known", "a.Missing"})) == ["objects.inv: a.Missing is described nowhere"]
