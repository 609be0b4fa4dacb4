"""The browser environment itself."""

from __future__ import annotations

import asyncio
import random
from typing import Any
from uuid import uuid4

from browser_env.models import BrowserAction, BrowserObservation, BrowserState
from browser_env.server.browser_tools import BrowserTools
from browser_env.server.chromium import Chromium
from browser_env.server.gate import Gate
from browser_env.server.rewards import BrowserRubric
from browser_env.server.settings import BrowserSettings
from browser_env.server.tab import LostError, Sight, Tab, UndoneError
from browser_env.shop.shop import Shop
from browser_env.shop.site import SHOP_URL, Site
from browser_env.shop.tasks import MOST_STEPS, ShopTask, find_task, splits, task_ids
from openenv import Environment

__all__ = ["BrowserEnvironment"]

# A step that passed its deadline goes on for as long as a page may take to load.
_CLOSE_S = 60.0
_NOT_BEGUN = "no episode goes on: reset begins one"
# What tools do where no episode has begun.
_NO_TASK = {"goal": ""}


class BrowserEnvironment(BrowserTools, Environment[BrowserAction, BrowserObservation, BrowserState]):
    """Shows web pages in Chromium as an outline, acts on them by element, and asks for errands in a shop."""

    SUPPORTS_CONCURRENT_SESSIONS = True

    def __init__(self, settings: BrowserSettings | None = None) -> None:
        """Make an environment; Chromium starts with the first reset of the process.

        Args:
            settings: Which Chromium, and how far it may go; by default as environment variables say.

        Raises:
            ConfigurationError: Such a variable is not valid.
        """
        super().__init__(rubric=BrowserRubric())
        self._settings = settings or BrowserSettings.from_environ()
        self._chromium: Chromium | None = None
        self._tab: Tab | None = None
        self._gate: Gate | None = None
        self._task: ShopTask | None = None
        self._is_over = True
        self._state = BrowserState()

    @staticmethod
    def list_splits() -> list[str]:
        """Return the splits."""
        return splits()

    @staticmethod
    def list_tasks(split: str) -> list[dict[str, str]]:
        """Return the tasks of a split, as they are in the shop of seed 0."""
        return [{"id": name, "goal": find_task(name, 0).goal} for name in task_ids(split)]

    def reset(
        self, seed: int | None = None, episode_id: str | None = None, task: dict[str, Any] | None = None
    ) -> BrowserObservation:
        """Do the same as `reset_async`, on a thread that may wait."""
        return self._lease().wait_for(self._reset(seed, episode_id, task))

    async def reset_async(
        self, seed: int | None = None, episode_id: str | None = None, task: dict[str, Any] | None = None
    ) -> BrowserObservation:
        """Open the shop, or another page.

        Args:
            seed: What the shop's goods follow from, by default 0; without a task, that one of the split `train` too.
            episode_id: The episode's name; `None` to choose one.
            task: The task, as `list_tasks` has it; its `id` is enough. Or one of your own, which nothing checks and
                which gives no reward: a `goal`, and a `url` to begin at.

        Raises:
            ValueError: There is no such task.
            ConfigurationError: There is no Chromium.
            ProviderError: It does not start.
        """
        return await self._lease().run(self._reset(seed, episode_id, task))

    def step(self, action: BrowserAction, timeout_s: float | None = None) -> BrowserObservation:
        """Do the same as `step_async`, on a thread that may wait."""
        self._check_asked()
        return self._lease().wait_for(self._step(action, timeout_s))

    async def step_async(self, action: BrowserAction, timeout_s: float | None = None) -> BrowserObservation:
        """Act on the page, and return what it shows then.

        Args:
            action: What to do.
            timeout_s: Seconds that it may take; `None` for as long as such actions may take.

        Raises:
            RuntimeError: No episode has begun, or it is over.
        """
        self._check_asked()
        return await self._lease().run(self._step(action, timeout_s))

    async def do(self, action: BrowserAction) -> BrowserObservation:
        """Return what an action shows; open the shop where nothing is open yet.

        Args:
            action: The action.
        """
        if self._gate is None:
            await self.reset_async(task=_NO_TASK)
        return await self.step_async(action)

    @property
    def state(self) -> BrowserState:
        """Return where the episode stands."""
        return self._state

    def close(self) -> None:
        """Close the page, with its cookies and storage; the last session's end leads to Chromium's."""
        chromium = self._chromium
        if chromium is None:
            return
        try:
            chromium.wait_for(self._shut(), _CLOSE_S)
        finally:
            self._chromium = None
            chromium.release()

    def _check_asked(self) -> None:
        if self._is_over:
            raise RuntimeError(_NOT_BEGUN)

    def _lease(self) -> Chromium:
        if self._chromium is None:
            self._chromium = Chromium.lease(self._settings)
            self._turn = asyncio.Lock()
        return self._chromium

    async def _reset(self, seed: int | None, episode_id: str | None, task: dict[str, Any] | None) -> BrowserObservation:
        async with self._turn:
            return await self._begin(seed, episode_id, task)

    async def _begin(self, seed: int | None, episode_id: str | None, task: dict[str, Any] | None) -> BrowserObservation:
        name, goal, url = _asked(seed, task)
        self._is_over = True
        self._task = find_task(name, seed or 0) if name else None
        shop = self._task.shop if self._task else Shop(seed or 0)
        self._gate = Gate(Site(shop), self._settings)
        self._state = BrowserState(
            episode_id=episode_id or uuid4().hex,
            task=name,
            goal=self._task.goal if self._task else goal,
            steps_left=MOST_STEPS if self._task else None,
        )
        self._reset_rubric()
        observation = BrowserObservation(goal=self._state.goal, steps_left=self._state.steps_left)
        await self._open(url, observation)
        self._is_over = False
        return observation

    async def _step(self, action: BrowserAction, timeout_s: float | None) -> BrowserObservation:
        async with self._turn:
            # The step before may have been given up by whoever asked for it, and have been the last.
            self._check_asked()
            return await self._go_on(action, timeout_s)

    async def _go_on(self, action: BrowserAction, timeout_s: float | None) -> BrowserObservation:
        state = self._state
        state.step_count += 1
        if state.steps_left is not None:
            state.steps_left -= 1
        self._is_over = action.kind == "answer" or state.steps_left == 0
        observation = BrowserObservation(goal=state.goal, steps_left=state.steps_left)
        await self._act(action, timeout_s, observation)
        observation.done = self._is_over
        if self._task is not None:
            if self._is_over:
                observation.checks = self._task.outcome(action.text if action.kind == "answer" else "")
                observation.harm = self._task.harm()
            observation.reward = self._apply_rubric(action, observation)
        return observation

    async def _act(self, action: BrowserAction, timeout_s: float | None, observation: BrowserObservation) -> None:
        """Act, and tell what the page shows; where the page or the browser is lost, open it anew and say so."""
        try:
            if self._tab is None:
                raise LostError("it could not be opened in the step before")
            try:
                _show(observation, await self._tab.act(action, timeout_s))
            except UndoneError as error:
                observation.error = str(error)
            await self._look(observation)
        except LostError as error:
            self._state.restarts += 1
            observation.restarted = str(error)
            observation.error = f"the browser was started anew, and {action.kind} may not have been done: {error}"
            await self._open(self._state.url, observation)

    async def _open(self, url: str, observation: BrowserObservation) -> None:
        await self._close_tab()
        if self._gate is None:
            raise RuntimeError(_NOT_BEGUN)
        tab = self._tab = Tab(await self._lease().context(), self._gate)
        try:
            await tab.open(url)
        except UndoneError as error:
            observation.error = observation.error or str(error)
        await self._look(observation)

    async def _look(self, observation: BrowserObservation) -> None:
        if self._tab is not None:
            observation.url, observation.title, observation.outline = await self._tab.look()
            self._state.url = observation.url

    async def _shut(self) -> None:
        async with self._turn:
            self._is_over = True
            await self._close_tab()

    async def _close_tab(self) -> None:
        tab, self._tab = self._tab, None
        if tab is not None:
            await tab.close()


def _asked(seed: int | None, task: dict[str, Any] | None) -> tuple[str, str, str]:
    """Return a task's name, or else its goal, and the address to begin at."""
    if task is None:
        return random.Random(seed).choice(task_ids("train")), "", SHOP_URL  # noqa: S311 - not for secrets
    if "id" in task:
        return str(task["id"]), "", SHOP_URL
    if "goal" not in task:
        raise ValueError(f"expected task with the id of one that list_tasks has, or with a goal; got {task!r}")
    return "", str(task["goal"]), str(task.get("url", SHOP_URL))


def _show(observation: BrowserObservation, sight: Sight) -> None:
    observation.text = sight.text
    observation.screenshot = sight.screenshot
