"""The actions as tools, for agents that speak MCP."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Annotated, Literal

from pydantic import Field

from browser_env.models import VIEWPORT, BrowserAction, BrowserObservation
from openenv import tool
from openenv.core.media import Image

__all__ = ["BrowserTools"]


class BrowserTools(ABC):
    """What agents may do by calls: each is the step of the same name."""

    @abstractmethod
    async def do(self, action: BrowserAction) -> BrowserObservation:
        """Return what an action shows; open the shop where nothing is open yet.

        Args:
            action: The action.
        """

    @tool
    async def goto(self, url: str) -> BrowserObservation:
        """Open a page.

        Args:
            url: Its address, or a path on the present site.
        """
        return await self.do(BrowserAction(kind="goto", url=url[:2000]))

    @tool
    async def click(self, ref: str) -> BrowserObservation:
        """Click an element.

        Args:
            ref: Its reference in the outline, such as e12.
        """
        return await self.do(BrowserAction(kind="click", ref=ref[:32]))

    @tool
    async def click_at(
        self,
        x: Annotated[int, Field(ge=0, lt=VIEWPORT[0])],
        y: Annotated[int, Field(ge=0, lt=VIEWPORT[1])],
    ) -> BrowserObservation:
        """Click a place that a screenshot shows.

        Args:
            x: Pixels from the left.
            y: Pixels from the top.
        """
        return await self.do(BrowserAction(kind="click", x=x, y=y))

    @tool(name="type")
    async def type_text(self, text: str, ref: str = "", submit: bool = False) -> BrowserObservation:
        """Type text into a field, in place of what is in it.

        Args:
            text: The text.
            ref: The field's reference in the outline; by default the one that has the focus.
            submit: Whether to press Enter afterwards.
        """
        return await self.do(BrowserAction(kind="type", ref=ref[:32], text=text[:4000], submit=submit))

    @tool
    async def press(self, key: str, ref: str = "") -> BrowserObservation:
        """Press a key.

        Args:
            key: The key, such as Enter, ArrowDown or Control+A.
            ref: The reference of the element to press it in; by default the one that has the focus.
        """
        return await self.do(BrowserAction(kind="press", key=key[:32], ref=ref[:32]))

    @tool
    async def select(self, ref: str, option: str) -> BrowserObservation:
        """Select an option of a list.

        Args:
            ref: The list's reference in the outline.
            option: The option's label.
        """
        return await self.do(BrowserAction(kind="select", ref=ref[:32], text=option[:4000]))

    @tool
    async def scroll(self, direction: Literal["down", "up"] = "down", ref: str = "") -> BrowserObservation:
        """Scroll the page.

        Args:
            direction: Where to.
            ref: The reference of an element to scroll into view instead.
        """
        return await self.do(BrowserAction(kind="scroll", direction=direction, ref=ref[:32]))

    @tool
    async def back(self) -> BrowserObservation:
        """Go back to the page before."""
        return await self.do(BrowserAction(kind="back"))

    @tool
    async def read(self, ref: str = "") -> BrowserObservation:
        """Read the text of the page.

        Args:
            ref: The reference of an element to read instead.
        """
        return await self.do(BrowserAction(kind="read", ref=ref[:32]))

    @tool
    async def screenshot(self) -> Image:
        """Return a picture of what is in view."""
        observation = await self.do(BrowserAction(kind="screenshot"))
        if observation.screenshot is None:
            raise RuntimeError(observation.error or "there is no picture")
        return Image(data=observation.screenshot)

    @tool
    async def answer(self, text: str = "") -> BrowserObservation:
        """Give the answer, or say that what was asked for is done. The episode ends with it.

        Args:
            text: The answer; empty where none is asked for.
        """
        return await self.do(BrowserAction(kind="answer", text=text[:4000]))
