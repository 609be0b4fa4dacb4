"""Have a Chromium that the browser environment can drive.

    python -m scripts.chromium

One that is there already is used as it is. Otherwise a Debian gets its own, by apt, as root or by sudo.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

from rich.console import Console

from browser_env.server.settings import BrowserSettings, find_chromium
from openenv.core.exceptions import ConfigurationError
from scripts.docker_engine import EngineError, cache_lock, run_shown

__all__ = ["main"]

# The other is what the driver's Node.js is linked with.
_PACKAGES = ("chromium-headless-shell", "libatomic1")

_console = Console(stderr=True, highlight=False)


def main() -> int:
    """Install it where it is missing, and say what is done for it."""
    try:
        with cache_lock():
            program = _provided()
    except (ConfigurationError, EngineError) as error:
        _console.print(f"[red]No Chromium for the tests:[/red] {error}", soft_wrap=True)
        return 1
    version = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=60).stdout.strip()
    _console.print(f"{program} is there: {version}", soft_wrap=True)
    return 0


def _provided() -> str:
    path = BrowserSettings.from_environ().path
    try:
        return find_chromium(path)
    except ConfigurationError:
        if path or sys.platform != "linux" or shutil.which("apt-get") is None:
            raise
    apt = [*_as_root(), "env", "DEBIAN_FRONTEND=noninteractive", "apt-get"]
    run_shown("Fetching apt's lists", [*apt, "update"])
    run_shown(f"Installing {_PACKAGES[0]} by apt", [*apt, "install", "-y", "--no-install-recommends", *_PACKAGES])
    return find_chromium()


def _as_root() -> list[str]:
    """Return what a command has to begin with to run as root."""
    if os.geteuid() == 0:
        return []
    sudo = shutil.which("sudo")
    if sudo is None or subprocess.run([sudo, "--non-interactive", "true"], capture_output=True).returncode:
        raise EngineError(
            f"it takes root to install it: run `sudo apt-get install {' '.join(_PACKAGES)}`, then try again"
        )
    return [sudo, "--non-interactive"]


if __name__ == "__main__":
    sys.exit(main())
