"""The browser environment: the shop it brings, as a screenshot shows it in the middle of an errand."""

import re

from browser_env import BrowserAction, BrowserEnv
from browser_env.server.browser_environment import BrowserEnvironment
from openenv.testing import serve

from ..show import Picture

__all__ = ["show"]


def show() -> Picture:
    """Look for a mug, and take a picture of its page."""
    with serve(BrowserEnvironment) as server, BrowserEnv(base_url=server.base_url).sync() as env:
        begun = env.reset(split="train", index=0).observation
        field = _ref(begun.outline, "textbox")
        found = env.step(BrowserAction(kind="type", ref=field, text="tide mug", submit=True)).observation
        env.step(BrowserAction(kind="click", ref=_ref(found.outline, 'link "Tide Mug"')))
        picture = env.step(BrowserAction(kind="screenshot")).observation.screenshot
    if picture is None:
        raise ValueError("the browser took no picture")
    return Picture(picture, "png", f"The shop, in the middle of a task: {begun.goal}")


def _ref(outline: str, element: str) -> str:
    """Return the reference of the first element of a kind and name in an outline."""
    found = re.search(rf"{re.escape(element)}.*?\[ref=(\w+)\]", outline)
    if found is None:
        raise ValueError(f"there is no {element} on the page")
    return found[1]
