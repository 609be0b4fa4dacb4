"""The templates of projects, which are files with placeholders such as `{{ package }}`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from importlib.resources import files
from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    # Since Python 3.11 it is in importlib.resources.abc as well, and since 3.14 there alone.
    from importlib.abc import Traversable

__all__ = ["TEMPLATES", "TemplateName", "fill_template"]

TemplateName = Literal["typed", "tools", "gymnasium"]
TEMPLATES: tuple[TemplateName, ...] = get_args(TemplateName)

# Workflows have `${{ … }}` of their own, whose words stand apart by a dot.
_PLACEHOLDER = re.compile(r"\{\{ (\w+) \}\}")
# Without it, tools would take the templates of Python files for code.
_SUFFIX = ".in"


def fill_template(template: TemplateName, values: Mapping[str, str]) -> dict[str, str]:
    """Return the files of a project, by their paths in it.

    Args:
        template: Which environment it begins as; what all have in common is added.
        values: What stands in the place of each placeholder.
    """
    root = files(__package__).joinpath("templates")
    texts = {**_texts(root.joinpath("common")), **_texts(root.joinpath(template))}
    return {
        path.removesuffix(_SUFFIX): _PLACEHOLDER.sub(lambda match: values[match[1]], text)
        for path, text in sorted(texts.items())
    }


def _texts(directory: Traversable) -> dict[str, str]:
    return dict(_walk(directory, ""))


def _walk(directory: Traversable, place: str) -> Iterator[tuple[str, str]]:
    for entry in directory.iterdir():
        if entry.is_dir():
            yield from _walk(entry, f"{place}{entry.name}/")
        elif entry.name.endswith(_SUFFIX):
            yield f"{place}{entry.name}", entry.read_text(encoding="utf-8")
