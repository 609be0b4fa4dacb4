"""A notebook as a page: its text, its code, and what it printed and drew when it was run."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any

__all__ = ["notebook_page"]

# Jupyter's names of headings are those of the headings, with dashes between the words.
_ANCHOR = re.compile(r"(?<=\]\()#([^)]+)")


def notebook_page(path: Path, pictures: str) -> tuple[str, dict[str, bytes]]:
    """Return a notebook as Markdown, and its pictures by their paths.

    Args:
        path: The notebook.
        pictures: What the paths of pictures begin with.
    """
    parts: list[str] = []
    found: dict[str, bytes] = {}
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        source = "".join(cell["source"]).strip()
        if cell["cell_type"] == "markdown":
            parts.append(_ANCHOR.sub(lambda link: f"#{_slug(link[1])}", source))
        elif source:
            parts.append(f"```python\n{source}\n```")
            parts += [_shown(output, pictures, found) for output in cell["outputs"]]
    return "\n\n".join(filter(None, parts)) + "\n", found


def _slug(anchor: str) -> str:
    """Return what a page calls the heading that Jupyter calls so."""
    return re.sub(r"[^\w-]", "", anchor).lower()


def _shown(output: dict[str, Any], pictures: str, found: dict[str, bytes]) -> str:
    """Return an output as Markdown; a picture is added to those found."""
    data = output.get("data", {})
    if "image/png" in data:
        name = f"{pictures}{len(found) + 1}.png"
        found[name] = base64.b64decode("".join(data["image/png"]))
        return f"![What the cell above draws]({name})"
    text = "".join(output.get("text", data.get("text/plain", ""))).rstrip()
    return f"```text\n{text}\n```" if text else ""
