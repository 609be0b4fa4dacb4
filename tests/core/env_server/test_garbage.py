"""A process that only serves does not look through what stays, and nobody else's settings are touched."""

from __future__ import annotations

import subprocess
import sys

import pytest

_PROGRAM = """
import asyncio, gc, sys, threading
from echo_env.server.echo_environment import EchoEnvironment
from openenv.core import create_app

if "own" in sys.argv:
    gc.set_threshold(900, 9, 9)

async def live():
    app = create_app(EchoEnvironment)
    async with app.router.lifespan_context(app):
        print(gc.get_threshold()[0], gc.get_freeze_count() > 10_000)

if "thread" in sys.argv:
    thread = threading.Thread(target=lambda: asyncio.run(live()))
    thread.start()
    thread.join()
else:
    asyncio.run(live())
"""


@pytest.mark.parametrize(("how", "told"), [("main", "5000 True"), ("own", "900 False"), ("thread", "{python} False")])
def test_garbage_is_looked_for(how: str, told: str) -> None:
    program = [sys.executable, "-c", _PROGRAM, how]
    ended = subprocess.run(program, capture_output=True, text=True, timeout=110, check=True)
    default = [sys.executable, "-c", "import gc; print(gc.get_threshold()[0])"]
    python = subprocess.run(default, capture_output=True, text=True, timeout=110, check=True).stdout.strip()
    assert ended.stdout.strip() == told.format(python=python)
