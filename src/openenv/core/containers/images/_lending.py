"""A machine's certificates, lent to the instructions of a Dockerfile while they run."""

from __future__ import annotations

import re

__all__ = ["CA_SECRET", "with_certificates"]

CA_SECRET = "openenv_ca_bundle"  # noqa: S105 - a name

_PLACE = f"/run/secrets/{CA_SECRET}"
_MOUNT = f"--mount=type=secret,id={CA_SECRET}"
_READERS = (
    "SSL_CERT_FILE",
    "PIP_CERT",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "GIT_SSL_CAINFO",
    "NODE_EXTRA_CA_CERTS",
)
_EXPORT = f"export {' '.join(f'{name}={_PLACE}' for name in _READERS)} && "
_RUN = re.compile(r"(?P<run>\s*RUN\s+)(?P<flags>(?:--\S+\s+)*)(?P<command>.*)", re.IGNORECASE | re.DOTALL)
_HERE_DOCUMENT = re.compile(r"<<-?([\"']?)(\w+)\1")


def with_certificates(dockerfile: str) -> str:
    """Return a Dockerfile in which every RUN has the certificates mounted, and told to pip, uv, curl, git and others.

    They come from the secret `CA_SECRET` and into no layer. A command in brackets, or in a document of its own, has
    the file, and is not told of it.

    Args:
        dockerfile: Its text.
    """
    lines: list[str] = []
    ends: list[str] = []
    is_continued = False
    for line in dockerfile.splitlines(keepends=True):
        if ends:
            if line.strip() == ends[0]:
                ends.pop(0)
        elif is_continued:
            is_continued = _goes_on(line, is_continued)
        else:
            ends = [match[2] for match in _HERE_DOCUMENT.finditer(line)] if not line.lstrip().startswith("#") else []
            is_continued = _goes_on(line, is_continued)
            line = _lent(line)
        lines.append(line)
    return "".join(lines)


def _goes_on(line: str, before: bool) -> bool:
    # A comment or an empty line between the lines of an instruction does not end it.
    is_between = not line.strip() or line.lstrip().startswith("#")
    return before if is_between else line.rstrip().endswith("\\")


def _lent(line: str) -> str:
    match = _RUN.fullmatch(line)
    if match is None:
        return line
    command = match["command"]
    is_plain = command.strip() != "\\" and not command.startswith(("[", "<<"))
    return f"{match['run']}{_MOUNT} {match['flags']}{_EXPORT if is_plain else ''}{command}"
