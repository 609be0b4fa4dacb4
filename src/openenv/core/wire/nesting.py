"""How deep a message is nested."""

from __future__ import annotations

import re
from typing import Any

__all__ = ["is_nested_deeper", "is_packed_deeper"]

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


def is_packed_deeper(value: object, limit: int) -> bool:
    """Return whether the lists and mappings of a decoded value are nested deeper than so many levels."""
    level: list[Any] = [value]
    for _ in range(limit + 1):
        level = [child for node in level for child in _children(node)]
        if not level:
            return False
    return True


def _children(node: Any) -> list[Any]:
    """Return the lists and mappings right inside of one."""
    if type(node) is dict:
        return [value for value in node.values() if type(value) is dict or type(value) is list]
    return [value for value in node if type(value) is dict or type(value) is list] if type(node) is list else []
