"""Look through the built site: every public name has its place, and no page fetches anything from another host."""

from __future__ import annotations

import re
import sys
import zlib
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlsplit

from scripts.api_reference import described_names

__all__ = ["complaints", "main"]

_SITE = Path(__file__).resolve().parents[1] / "site"
# What a browser fetches by itself, in contrast to what somebody may follow.
_FETCHED = {("audio", "src"), ("iframe", "src"), ("img", "src"), ("link", "href"), ("script", "src"), ("video", "src")}
_STYLED = re.compile(r"""(?:url\(|@import )["']?((?:https?:)?//[^"')]+)""")
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


def complaints(site: Path, names: set[str]) -> Iterator[str]:
    """Yield what is wrong with a site.

    Args:
        site: The directory in which it was built.
        names: What it has to describe.
    """
    yield from (f"objects.inv: {name} is described nowhere" for name in sorted(names - _inventory(site)))
    for page in sorted(site.rglob("*.html")):
        yield from (f"{page.relative_to(site)}: {told}" for told in _complaints_of(_links_of(page)))
    for style in sorted(site.rglob("*.css")):
        for address in _STYLED.findall(style.read_text(encoding="utf-8")):
            yield f"{style.relative_to(site)}: {address} is fetched from another host"


def _inventory(site: Path) -> set[str]:
    """Return the names that a site describes, as other sites would look them up."""
    _, body = (site / "objects.inv").read_bytes().split(b"zlib.\n", 1)
    return {line.split(" ", 1)[0] for line in zlib.decompress(body).decode().splitlines()}


def _links_of(page: Path) -> _Links:
    links = _Links()
    links.feed(page.read_text(encoding="utf-8"))
    return links


def _complaints_of(links: _Links) -> Iterator[str]:
    yield from (f"{address} is fetched from another host" for address in links.fetched if "//" in address)
    yield from (f"{address} is no address" for address in links.links if not _is_address(address))


def _is_address(address: str) -> bool:
    parts = urlsplit(address)
    return parts.scheme in {"", "mailto"} or (parts.scheme in {"http", "https"} and bool(parts.hostname))


def _outside(site: Path) -> list[str]:
    """Return the addresses on other hosts that pages link to."""
    found = {address for page in site.rglob("*.html") for address in _links_of(page).links if "://" in address}
    return sorted(found)


def main() -> int:
    """Return 1 and say why if something is wrong with the site, else 0."""
    wrong = list(complaints(_SITE, described_names()))
    outside = _outside(_SITE)
    print(f"{len(outside)} links lead to other hosts, and are not followed here:", *outside, sep="\n  ")
    for complaint in wrong:
        print(complaint, file=sys.stderr)
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
