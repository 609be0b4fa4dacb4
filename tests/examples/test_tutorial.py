"""The tutorial's notebook: what it shows is what its code shows, and nothing of whoever ran it."""

from __future__ import annotations

import ast
import base64
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from scripts.tutorial import NOTEBOOK
from tests.docs.pages import ROOT

_NUMBERS = re.compile(r"\d[\d.,]*")
_LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)")
_SECTION = re.compile(r"\]\(#([^)]+)\)")
_HEADING = re.compile(r"^#+ (.*)$", re.M)
_PYTHON = re.compile(r"^```python\n(.*?)^```$", re.M | re.S)
# Paths of machines, their addresses, dates and times of day.
_LOCAL = re.compile(r"/(?:home|root|tmp|Users|work|private|var)/|127\.0\.0\.1|localhost|\d{4}-\d\d-\d\d|\d\d:\d\d:\d\d")
_LARGEST_IMAGE = 60_000
_LARGEST_NOTEBOOK = 500_000


def _cells(path: Path, kind: str) -> list[Any]:
    return [cell for cell in json.loads(path.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == kind]


def _source(cell: Any) -> str:
    return "".join(cell["source"])


def _printed(cell: Any) -> str:
    """Return what a cell printed, without what numbers there were and how wide."""
    told = "".join("".join(each["text"]) for each in cell["outputs"] if each.get("name") == "stdout")
    return re.sub(r" +", " ", _NUMBERS.sub("0", told))


def _images(cell: Any) -> list[bytes]:
    drawn = [each["data"] for each in cell["outputs"] if "data" in each]
    return [base64.b64decode("".join(data["image/png"])) for data in drawn if "image/png" in data]


CODE = _cells(NOTEBOOK, "code")
TEXT = "\n".join(_source(cell) for cell in _cells(NOTEBOOK, "markdown"))


def test_every_cell_was_run_in_its_order() -> None:
    assert [cell["execution_count"] for cell in CODE] == list(range(1, len(CODE) + 1))


def test_nothing_went_wrong() -> None:
    outputs = [output for cell in CODE for output in cell["outputs"]]

    assert {output["output_type"] for output in outputs} == {"stream", "display_data"}
    assert [output["text"] for output in outputs if output.get("name") == "stderr"] == []


def test_it_shows_what_it_speaks_of() -> None:
    printed = "".join(_printed(cell) for cell in CODE)

    assert "Hello from another process!" in printed
    assert "passes all of" in printed
    assert "steps a second" in printed
    assert sum(len(_images(cell)) for cell in CODE) >= 7


def test_it_is_small() -> None:
    assert NOTEBOOK.stat().st_size < _LARGEST_NOTEBOOK
    assert max(len(image) for cell in CODE for image in _images(cell)) < _LARGEST_IMAGE


def test_it_tells_nothing_of_where_and_when_it_was_run() -> None:
    notebook = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    outputs = json.dumps(
        [[output.get("text") or output["data"]["text/plain"]] for c in CODE for output in c["outputs"]]
    )

    assert _LOCAL.findall(outputs) == []
    assert sorted(notebook["metadata"]) == ["kernelspec", "language_info"]
    assert notebook["metadata"]["language_info"] == {"name": "python"}
    assert [cell["metadata"] for cell in notebook["cells"] if cell["metadata"]] == []


def test_its_links_lead_somewhere() -> None:
    headings = {heading.replace(" ", "-") for heading in _HEADING.findall(TEXT)}

    assert [link for link in _LINK.findall(TEXT) if not (NOTEBOOK.parent / link).exists()] == []
    assert set(_SECTION.findall(TEXT)) <= headings


def test_code_that_it_does_not_run_is_python() -> None:
    blocks = _PYTHON.findall(TEXT)

    assert blocks
    for block in blocks:
        ast.parse(block)


@pytest.mark.lengthy
def test_it_shows_the_same_when_it_is_run_again(tmp_path: Path) -> None:
    again = tmp_path / "again.ipynb"

    run = subprocess.run(
        [sys.executable, "-m", "scripts.tutorial", "--output", str(again)], cwd=ROOT, capture_output=True, text=True
    )

    assert run.returncode == 0, run.stderr
    cells = _cells(again, "code")
    assert [_source(cell) for cell in cells] == [_source(cell) for cell in CODE]
    assert [_printed(cell) for cell in cells] == [_printed(cell) for cell in CODE]
    assert [len(_images(cell)) for cell in cells] == [len(_images(cell)) for cell in CODE]


@pytest.mark.lengthy
def test_a_cell_that_fails_is_told(tmp_path: Path) -> None:
    broken = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    broken["cells"] = [{**CODE[0], "source": "assert 1 == 2, 'not so'", "outputs": []}]
    source = tmp_path / "broken.ipynb"
    source.write_text(json.dumps(broken), encoding="utf-8")

    command = [sys.executable, "-m", "scripts.tutorial", "--notebook", str(source)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)

    assert run.returncode == 1
    assert "not so" in run.stderr
    assert json.loads(source.read_text(encoding="utf-8")) == broken
