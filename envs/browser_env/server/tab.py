"""A session's page, and what can be done on it. Everything here runs on the browser's own loop."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias

from playwright.async_api import BrowserContext, Error, Locator, Page
from playwright.async_api import TimeoutError as LateError

from browser_env.models import ActionKind, BrowserAction
from browser_env.server.gate import Gate
from browser_env.server.outline import is_reference, shortened, suggestions

__all__ = ["LostError", "Sight", "Tab", "UndoneError"]

_ACTION_S = 5.0
_LOAD_S = 15.0
_LOOK_S = 10.0
_LEAST_S = 0.2
_PART = 0.7
_GRACE_S = 3.0
_WINDOW_S = 2.0
_MOST_PAGES = 4
_OPENS_WINDOW = "element => element.closest('a, form')?.target === '_blank'"
_OPTIONS = "element => [...(element.options ?? [])].map(option => option.label.trim())"


class UndoneError(Exception):
    """An action could not be done; the message tells the agent why."""


class LostError(Exception):
    """The page is gone, and what was on it; the message says how."""


@dataclass
class Sight:
    """What an action shows.

    Attributes:
        text: What was read.
        screenshot: A picture of what is in view, as PNG.
    """

    text: str = ""
    screenshot: bytes | None = None


class Tab:
    """One session's page."""

    def __init__(self, context: BrowserContext, gate: Gate) -> None:
        """Make it; `open` comes next.

        Args:
            context: What its cookies and storage are in.
            gate: What answers its requests.
        """
        self._context = context
        self._gate = gate
        self._pages: list[Page] = []
        self._crashed = False
        self._outline = ""
        self._deadline = 0.0

    @property
    def _page(self) -> Page:
        browser = self._context.browser
        if browser is None or not browser.is_connected():
            raise LostError("Chromium ended unexpectedly")
        if self._crashed:
            raise LostError("the page crashed")
        # A link may have opened another, and a script may have closed it.
        for page in reversed(self._pages):
            if not page.is_closed():
                return page
        raise LostError("the page was closed")

    @property
    def url(self) -> str:
        """Return the address of the page."""
        return self._page.url

    async def open(self, url: str) -> None:
        """Open the first page.

        Args:
            url: Its address.

        Raises:
            UndoneError: It is refused, or does not load.
            LostError: Chromium ended meanwhile.
        """
        await self._context.route("**/*", self._gate.answer)
        self._context.on("page", self._watch)
        first = await self._context.new_page()
        if first not in self._pages:
            await self._watch(first)
        await self._guarded(self._goto(BrowserAction(kind="goto", url=url)), None)

    async def _watch(self, page: Page) -> None:
        if page in self._pages:
            return
        self._pages = [each for each in self._pages if not each.is_closed()]
        if len(self._pages) < _MOST_PAGES:
            self._pages.append(page)
            page.on("crash", self._note_crash)
        else:
            # Pages may open others without end.
            with contextlib.suppress(Error):
                await page.close()

    def _note_crash(self, _: Page) -> None:
        self._crashed = True

    async def act(self, action: BrowserAction, timeout_s: float | None = None) -> Sight:
        """Do something.

        Args:
            action: What.
            timeout_s: Seconds that it may take; `None` for as long as such actions may take.

        Raises:
            UndoneError: It cannot be done.
            LostError: The page or the browser is gone.
        """
        self._gate.refused = self._gate.redirected_to = ""
        sight = await self._guarded(_ACTIONS[action.kind](self, action), timeout_s)
        if self._gate.refused:
            raise UndoneError(self._gate.refusal(self._gate.refused))
        return sight or Sight()

    async def look(self) -> tuple[str, str, str]:
        """Return the page's address, title and outline.

        Raises:
            LostError: The page or the browser is gone, or the page does not answer.
        """
        try:
            return await asyncio.wait_for(self._seen(), _LOOK_S + _GRACE_S)
        except (LateError, asyncio.TimeoutError):
            raise LostError("the page no longer answered") from None
        except Error as error:
            raise self._lost(error) or LostError(_first_line(error)) from None
        except Exception as error:
            lost = self._lost(error)
            if lost is None:
                raise
            raise lost from None

    async def _seen(self) -> tuple[str, str, str]:
        page = self._page
        self._outline = shortened(await page.aria_snapshot(mode="ai", timeout=_LOOK_S * 1000))
        return page.url, await page.title(), self._outline

    async def close(self) -> None:
        """Close the page, with its cookies and storage; what is gone is closed."""
        try:
            await asyncio.wait_for(self._context.close(), _LOAD_S)
        except Exception as error:
            if not isinstance(error, Error | asyncio.TimeoutError) and not self._lost(error):
                raise

    async def _guarded(self, doing: Awaitable[Sight | None], timeout_s: float | None) -> Sight | None:
        # What is left is for seeing what came of it.
        self._deadline = time.monotonic() + (_LOAD_S if timeout_s is None else _PART * timeout_s)
        try:
            # Not all of Playwright's calls take a timeout.
            return await asyncio.wait_for(doing, self._left_ms(_LOAD_S) / 1000 + _GRACE_S)
        except (UndoneError, LostError):
            raise
        except asyncio.TimeoutError:
            raise LostError("the page no longer answered") from None
        except LateError as error:
            await self._stop_loading()
            raise self._lost(error) or UndoneError(_why_late(error)) from None
        except Error as error:
            raise self._lost(error) or UndoneError(_first_line(error)) from None
        except Exception as error:
            lost = self._lost(error)
            if lost is None:
                raise
            raise lost from None

    async def _stop_loading(self) -> None:
        # A page that is on its way keeps the present one from being seen.
        with contextlib.suppress(Error, LostError, asyncio.TimeoutError):
            session = await asyncio.wait_for(self._context.new_cdp_session(self._page), _WINDOW_S)
            await asyncio.wait_for(session.send("Page.stopLoading"), _WINDOW_S)

    def _lost(self, error: Exception) -> LostError | None:
        # No class of Playwright's tells of this one.
        if "Connection closed" in str(error):
            return LostError("the browser's driver ended unexpectedly")
        browser = self._context.browser
        if browser is None or not browser.is_connected():
            return LostError("Chromium ended unexpectedly")
        if self._crashed:
            return LostError("the page crashed")
        return LostError("the page was closed") if "has been closed" in str(error) else None

    def _left_ms(self, most_s: float = _ACTION_S) -> float:
        return 1000 * max(_LEAST_S, min(most_s, self._deadline - time.monotonic()))

    async def _element(self, action: BrowserAction) -> Locator:
        reference = action.ref.strip()
        if not reference:
            raise UndoneError(f"{action.kind} needs the reference of an element as ref: {suggestions(self._outline)}")
        found = self._page.locator(f"aria-ref={reference}") if is_reference(reference) else None
        if found is None or not await found.count():
            raise UndoneError(f"there is no element {reference!r}; there are: {suggestions(self._outline)}")
        return found

    async def _focused(self) -> Locator | None:
        focused = self._page.locator("*:focus")
        return focused if await focused.count() == 1 else None

    async def _settle(self) -> None:
        """Wait for the page that an action leads to."""
        page = self._page
        if self._gate.redirected_to:
            target, self._gate.redirected_to = self._gate.redirected_to, ""
            await page.goto(target, timeout=self._left_ms(_LOAD_S))
        # Some pages never stop loading; they are seen as they are.
        try:
            await page.wait_for_load_state("load", timeout=self._left_ms(_LOAD_S))
        except LateError:
            return

    async def _goto(self, action: BrowserAction) -> None:
        if not action.url.strip():
            raise UndoneError("goto needs an address as url, such as /cart or http://shop.test/")
        try:
            url = self._gate.checked(action.url.strip(), self._page.url)
        except ValueError as error:
            raise UndoneError(str(error)) from None
        await self._page.goto(url, timeout=self._left_ms(_LOAD_S))
        await self._settle()

    async def _click(self, action: BrowserAction) -> None:
        if not action.ref.strip() and action.x is not None and action.y is not None:
            await self._click_at(action.x, action.y)
        else:
            await self._click_element(await self._element(action))
        await self._settle()

    async def _click_element(self, element: Locator) -> None:
        if await element.evaluate(_OPENS_WINDOW, timeout=self._left_ms()):
            await self._click_for_window(element)
        else:
            await element.click(timeout=self._left_ms())

    async def _click_at(self, x: int, y: int) -> None:
        found = await self._page.evaluate_handle("([x, y]) => document.elementFromPoint(x, y)", [x, y])
        element = found.as_element()
        if element is None:
            raise UndoneError(f"there is nothing at {x}, {y}")
        # Unlike a click of the mouse alone, this waits for the page that it leads to.
        box = await element.evaluate("element => element.getBoundingClientRect().toJSON()")
        await element.click(position={"x": x - box["x"], "y": y - box["y"]}, timeout=self._left_ms())

    async def _click_for_window(self, element: Locator) -> None:
        opened = asyncio.Event()
        self._context.once("page", lambda _: opened.set())
        await element.click(timeout=self._left_ms())
        # A page's script may keep it from opening.
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(opened.wait(), self._left_ms(_WINDOW_S) / 1000)

    async def _type(self, action: BrowserAction) -> None:
        element = await self._element(action) if action.ref.strip() else await self._focused()
        if element is None:
            raise UndoneError("type needs an element as ref, or one that has the focus")
        await element.fill(action.text, timeout=self._left_ms())
        if action.submit:
            await element.press("Enter", timeout=self._left_ms())
            await self._settle()

    async def _press(self, action: BrowserAction) -> None:
        if not action.key:
            raise UndoneError("press needs a key, such as Enter, ArrowDown or Control+A")
        element = await self._element(action) if action.ref.strip() else await self._focused()
        if element is not None:
            await element.press(action.key, timeout=self._left_ms())
        else:
            await self._page.keyboard.press(action.key)
        await self._settle()

    async def _select(self, action: BrowserAction) -> None:
        element = await self._element(action)
        options = await element.evaluate(_OPTIONS, timeout=self._left_ms())
        if action.text.strip() not in options:
            told = ", ".join(map(repr, options[:50])) or "none: it is no list of options"
            raise UndoneError(f"there is no option {action.text!r}; there are: {told}")
        await element.select_option(index=options.index(action.text.strip()), timeout=self._left_ms())
        await self._settle()

    async def _scroll(self, action: BrowserAction) -> None:
        if action.ref:
            await (await self._element(action)).scroll_into_view_if_needed(timeout=self._left_ms())
        else:
            sign = "" if action.direction == "down" else "-"
            await self._page.evaluate(f"window.scrollBy({{top: {sign}0.8 * innerHeight, behavior: 'instant'}})")

    async def _back(self, action: BrowserAction) -> None:
        if await self._page.evaluate("navigation.canGoBack") is not True:
            raise UndoneError("there is no page to go back to")
        await self._page.go_back(timeout=self._left_ms(_LOAD_S))
        await self._settle()

    async def _read(self, action: BrowserAction) -> Sight:
        element = await self._element(action) if action.ref else self._page.locator("body")
        return Sight(text=shortened(await element.inner_text(timeout=self._left_ms())))

    async def _screenshot(self, action: BrowserAction) -> Sight:
        return Sight(screenshot=await self._page.screenshot(timeout=self._left_ms(), animations="disabled"))

    async def _nothing(self, action: BrowserAction) -> None:
        """Leave the page as it is."""


_Doing: TypeAlias = Callable[[Tab, BrowserAction], Awaitable[Sight | None]]
_ACTIONS: dict[ActionKind, _Doing] = {
    "goto": Tab._goto,
    "click": Tab._click,
    "type": Tab._type,
    "press": Tab._press,
    "select": Tab._select,
    "scroll": Tab._scroll,
    "back": Tab._back,
    "read": Tab._read,
    "screenshot": Tab._screenshot,
    "answer": Tab._nothing,
}


def _first_line(error: Error) -> str:
    return error.message.splitlines()[0].partition(": ")[2] or error.message.splitlines()[0]


def _why_late(error: Error) -> str:
    """Return what kept an action from being done: the last thing that Playwright's log of the attempt says."""
    said = [line.strip(" -") for line in error.message.splitlines()[2:]]
    reasons = [line for line in said if "intercepts pointer events" in line or line.startswith("element is")]
    return f"it took too long: {reasons[-1]}" if reasons else "it took too long"
