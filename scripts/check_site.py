"""Look through the built site: every public name has its place, and no page fetches anything from another host."""

from __future__ import annotations

import sys
import zlib
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlsplit

from scripts.api_reference import described_names

__all__ = ["main"]

_SITE = Path(__file__).resolve().parents[1] / "site"
# What a browser fetches by itself, in contrast to what somebody may follow.
_FETCHED = {("audio", "src"), ("iframe", "src"), ("img", "src"), ("link", "href"), ("script", "src"), ("video", "src")}
_ONLY_NAMED = {"canonical", "next", "prev"}


class _Links(HTMLParser):
    """The addresses in a page: those that a browser fetches, and those of links."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        for name, value in attrs:
            if value and (tag, name) in _FETCHED and named.get("rel") not in _ONLY_NAMED:
                self.fetched.append(value)
            elif value and (tag, name) == ("a", "href"):
                self.links.append(value)


def _inventory() -> set[str]:
    """Return the names that the site describes, as other sites would look them up."""
    _, body = (_SITE / "objects.inv").read_bytes().split(b"zlib.\n", 1)
    return {line.split(" ", 1)[0] for line in zlib.decompress(body).decode().splitlines()}


def _complaints() -> Iterator[str]:
    missing = sorted(described_names() - _inventory())
    yield from (f"objects.inv: {name} is described nowhere" for name in missing)
    outside = set()
    for page in sorted(_SITE.rglob("*.html")):
        links = _Links()
        links.feed(page.read_text(encoding="utf-8"))
        place = page.relative_to(_SITE)
        yield from (f"{place}: {address} is fetched from another host" for address in links.fetched if "//" in address)
        for address in links.links:
            parts = urlsplit(address)
            if parts.scheme not in {"", "http", "https", "mailto"} or (
                parts.scheme[:4] == "http" and not parts.hostname
            ):
                yield f"{place}: {address} is no address"
            elif parts.scheme:
                outside.add(address)
    print(f"{len(outside)} links lead to other hosts: they are not followed here.", file=sys.stderr)
    for address in sorted(outside):
        print(f"  {address}", file=sys.stderr)


def main() -> int:
    """Return 1 and say why if something is wrong with the site, else 0."""
    complaints = list(_complaints())
    for complaint in complaints:
        print(complaint, file=sys.stderr)
    return bool(complaints)


if __name__ == "__main__":
    sys.exit(main())
