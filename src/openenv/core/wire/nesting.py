"""How deep a JSON text is nested."""

from __future__ import annotations

import re

__all__ = ["is_nested_deeper"]

_TEXT = re.compile(rb'"[^"]*"')
_ONE_KIND = bytes.maketrans(b"{}", b"[]")
_ALL_BUT_BRACKETS = bytes(sorted(set(range(256)) - set(b"[]{}")))


def is_nested_deeper(text: str | bytes, limit: int) -> bool:
    """Return whether the arrays and objects of a valid JSON text are nested deeper than so many levels."""
    # Most texts have fewer brackets than the limit, those in strings counted in.
    if isinstance(text, str):
        if text.count("[") + text.count("{") <= limit:
            return False
        text = text.encode("utf-8", "surrogatepass")
    elif text.count(b"[") + text.count(b"{") <= limit:
        return False
    # Without its escapes a string ends at the next quotation mark.
    plain = text.replace(rb"\\", b"").replace(rb"\"", b"")
    brackets = _TEXT.sub(b"", plain).translate(_ONE_KIND, _ALL_BUT_BRACKETS)
    for _ in range(limit):
        # Taking out the innermost pairs leaves one level fewer.
        brackets = brackets.replace(b"[]", b"")
        if not brackets:
            return False
    return True
