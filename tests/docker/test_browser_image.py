"""The image of the browser environment, with Chromium in it."""

from __future__ import annotations

import re

import pytest

from browser_env import BrowserAction, BrowserEnv
from scripts.build_image import build_environment
from tests.docker.commands import container, docker, inspect, published_url, wait_for_health
from tests.docs.pages import ROOT

IMAGE = "openenv-browser-env"
# Chromium with its libraries takes 540 MB of them, Playwright with its Node.js 175 MB.
MOST_BYTES_ABOVE_BASE = 800_000_000
STRICTLY = ["--read-only", "--tmpfs=/tmp", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--memory=1g"]

pytestmark = pytest.mark.timeout(400)


def test_an_image_browses_without_rights(echo_image: str) -> None:
    build_environment(ROOT / "envs" / "browser_env", IMAGE)
    own = int(inspect("image", IMAGE)["Size"]) - int(inspect("image", "openenv-base-browser-env")["Size"])
    assert own < MOST_BYTES_ABOVE_BASE

    with container(IMAGE, "--health-interval=500ms", *STRICTLY, "--pids-limit=512") as name:
        wait_for_health(name)
        with BrowserEnv(base_url=published_url(name)).sync() as env:
            env.reset(task={"id": "test-0"})
            seen = env.step(BrowserAction(kind="goto", url="/product/lantern-lamp")).observation
            rating = re.findall(r"([0-9.]+) out of 5", seen.outline)
            picture = env.step(BrowserAction(kind="screenshot")).observation.screenshot
            assert picture is not None
            assert picture.startswith(b"\x89PNG")
            assert env.step(BrowserAction(kind="answer", text=rating[0])).reward == 1.0
        assert docker("exec", name, "id", "--user") == "1000"
