"""What keys send to a terminal."""

from __future__ import annotations

import re

__all__ = ["UnknownKeyError", "bytes_of"]

_NAMED = {
    "enter": b"\r",
    "tab": b"\t",
    "space": b" ",
    "escape": b"\x1b",
    "esc": b"\x1b",
    "backspace": b"\x7f",
    "delete": b"\x1b[3~",
    "insert": b"\x1b[2~",
    "up": b"\x1b[A",
    "down": b"\x1b[B",
    "right": b"\x1b[C",
    "left": b"\x1b[D",
    "home": b"\x1b[1~",
    "end": b"\x1b[4~",
    "pageup": b"\x1b[5~",
    "pagedown": b"\x1b[6~",
    **{f"f{number}": b"\x1b[[" + bytes([64 + number]) for number in range(1, 6)},
    **{f"f{number}": b"\x1b[%d~" % code for number, code in enumerate((17, 18, 19, 20, 21, 23, 24), start=6)},
}
_CONTROL = re.compile(r"(?:c-|ctrl[-+]|\^)([a-z@\[\\\]^_ ?])", re.IGNORECASE)
_ALT = re.compile(r"(?:m-|alt[-+])(.)", re.IGNORECASE)


class UnknownKeyError(ValueError):
    """A key has a name that no key has."""


def bytes_of(key: str) -> bytes:
    """Return what a key sends.

    Args:
        key: Its name, such as `Up` or `C-c`, or one character.

    Raises:
        UnknownKeyError: There is no such key.
    """
    if len(key) == 1:
        return key.encode("utf-8", "replace")
    if (sent := _NAMED.get(key.lower())) is not None:
        return sent
    if found := _CONTROL.fullmatch(key):
        return b"\x7f" if found[1] == "?" else bytes([ord(found[1].upper()) & 0x1F])
    if found := _ALT.fullmatch(key):
        return b"\x1b" + found[1].encode("utf-8", "replace")
    raise UnknownKeyError(f"expected a key such as Enter, Up, C-c, M-f, F1 or x; got {key!r}")
