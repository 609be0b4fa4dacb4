"""What the operator of a server chooses."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from openenv.core.exceptions import ConfigurationError

__all__ = ["BrowserSettings", "find_chromium"]

# Debian's command of that name is a script that waits for the program.
_PROGRAMS = (
    "/usr/lib/chromium/chromium-headless-shell",
    "chromium-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
)
_ON_MACOS = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
_HOST = re.compile(r"(\*\.)?[a-z0-9-]+(\.[a-z0-9-]+)*", re.ASCII)
_INSTALL = (
    "install it (on Debian: apt install chromium-headless-shell libatomic1; on others: playwright install chromium), "
    "or name the program by OPENENV_BROWSER_PATH"
)


@dataclass(frozen=True)
class BrowserSettings:
    """Which Chromium is used, and how far it may go.

    Attributes:
        path: The program (`OPENENV_BROWSER_PATH`); empty for the first that is found.
        allowed_hosts: The hosts that pages may come from beside the bundled shop; `*.example.org` means all below
            `example.org` (`OPENENV_BROWSER_ALLOWED_HOSTS`, separated by commas).
        has_sandbox: Whether Chromium confines its own processes (`OPENENV_BROWSER_SANDBOX`: `on` or `off`). By default
            it does unless it runs as root, which it cannot do with it.
        idle_s: Seconds without a session after which Chromium is ended.
    """

    path: str = ""
    allowed_hosts: tuple[str, ...] = ()
    has_sandbox: bool | None = None
    idle_s: float = 30.0

    def __post_init__(self) -> None:
        """Refuse what is no host.

        Raises:
            ConfigurationError: One of the allowed hosts is none.
        """
        for host in self.allowed_hosts:
            if not _HOST.fullmatch(host):
                raise ConfigurationError(
                    f"expected allowed hosts such as 'example.org' or '*.example.org', without scheme, port or path; "
                    f"got {host!r}"
                )

    @classmethod
    def from_environ(cls, environ: Mapping[str, str] = os.environ) -> BrowserSettings:
        """Return the settings that environment variables give.

        Args:
            environ: The variables.

        Raises:
            ConfigurationError: One of them is not valid.
        """
        hosts = environ.get("OPENENV_BROWSER_ALLOWED_HOSTS", "").split(",")
        sandbox = environ.get("OPENENV_BROWSER_SANDBOX", "").strip().lower()
        if sandbox not in ("", "on", "off"):
            raise ConfigurationError(f"expected OPENENV_BROWSER_SANDBOX as 'on' or 'off', got {sandbox!r}")
        return cls(
            path=environ.get("OPENENV_BROWSER_PATH", "").strip(),
            allowed_hosts=tuple(host.strip().lower() for host in hosts if host.strip()),
            has_sandbox=sandbox == "on" if sandbox else None,
        )

    def allows(self, host: str) -> bool:
        """Return whether pages may come from a host.

        Args:
            host: Its name, in small letters.
        """
        return any(
            host == allowed or (allowed.startswith("*.") and host.endswith(allowed[1:]))
            for allowed in self.allowed_hosts
        )


def find_chromium(path: str = "", otherwise: str = "") -> str:
    """Return where Chromium is.

    Args:
        path: Where the operator says it is; empty to look for it.
        otherwise: Where it may be if it is nowhere else.

    Raises:
        ConfigurationError: It is not there.
    """
    if path:
        if shutil.which(path) is None:
            raise ConfigurationError(f"expected a program at OPENENV_BROWSER_PATH, got {path!r}, which cannot be run")
        return path
    found = [where for where in map(shutil.which, _PROGRAMS) if where]
    if sys.platform == "darwin":
        found += [where for where in _ON_MACOS if Path(where).is_file()]
    if otherwise and Path(otherwise).is_file():
        found.append(otherwise)
    if not found:
        raise ConfigurationError(f"no Chromium was found: {_INSTALL}")
    return found[0]
