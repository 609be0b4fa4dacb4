"""A page's accessibility tree as text, and the references in it."""

from __future__ import annotations

import re

__all__ = ["is_reference", "shortened", "suggestions"]

_REFERENCE = re.compile(r"(f\d{1,4})?e\d{1,6}", re.ASCII)
_INTERACTIVE = re.compile(
    r"^\s*- '?((?:link|button|textbox|searchbox|combobox|checkbox|radio|slider|spinbutton|tab|menuitem|switch)\b.*?) "
    r"(?:\[(?!ref=)[^\]]*\] )*\[ref=([a-z0-9]+)\]",
    re.MULTILINE,
)
_MOST_SUGGESTED = 30
_MOST_LETTERS = 40_000


def is_reference(text: str) -> bool:
    """Return whether a text may be an element's reference, and is nothing else.

    Args:
        text: The text.
    """
    return _REFERENCE.fullmatch(text) is not None


def suggestions(outline: str) -> str:
    """Return what an outline has to act on: `e5 textbox "Search"` and the like, on one line.

    Args:
        outline: The outline.
    """
    found = [f"{reference} {what}" for what, reference in _INTERACTIVE.findall(outline)]
    more = len(found) - _MOST_SUGGESTED
    return "; ".join(found[:_MOST_SUGGESTED]) + (f"; and {more} more" if more > 0 else "")


def shortened(text: str, most: int = _MOST_LETTERS) -> str:
    """Return a text, or its beginning with a word on what is left out.

    Args:
        text: The text.
        most: How many letters are kept.
    """
    return text if len(text) <= most else f"{text[:most]}\n… {len(text) - most} more letters are left out"
