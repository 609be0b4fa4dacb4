"""The browser environment in Chromium, as agents meet it, and what its pages cannot reach."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TypeAlias

import psutil
import pytest

from browser_env import ActionKind, BrowserAction, BrowserEnv, BrowserObservation, BrowserState
from browser_env.server.browser_environment import BrowserEnvironment
from browser_env.server.settings import BrowserSettings, find_chromium
from openenv import SyncEnvClient
from openenv.core.client_types import StepResult
from openenv.core.exceptions import ConfigurationError, EnvironmentExecutionError
from openenv.testing import RunningServer, check_environment, serve
from tests.docs.pages import ROOT, blocks_of, promised_lines, run_python

pytestmark = pytest.mark.browser

PROJECT = ROOT / "envs" / "browser_env"
_PATIENCE_S = 60
Browsing: TypeAlias = SyncEnvClient[BrowserAction, BrowserObservation, BrowserState]


@pytest.fixture(scope="module", autouse=True)
def chromium() -> None:
    """Skip where there is no Chromium, unless there has to be one."""
    try:
        find_chromium()
    except ConfigurationError as error:
        if os.environ.get("OPENENV_REQUIRE_BROWSER") == "1":
            pytest.fail(f"{error}: run `make browser`")
        pytest.skip(f"{error}: run `make browser`")


@pytest.fixture(scope="module")
def server(chromium: None) -> Iterator[RunningServer]:
    with serve(BrowserEnvironment, max_concurrent_envs=32) as running:
        yield running


@pytest.fixture
def env(server: RunningServer) -> Iterator[Browsing]:
    with BrowserEnv(base_url=server.base_url).sync() as client:
        yield client


class Agent:
    """Acts by what the outline shows."""

    def __init__(self, env: Browsing, **reset: object) -> None:
        self._env = env
        self.seen = env.reset(**reset).observation
        self.last: StepResult[BrowserObservation] | None = None

    def ref(self, what: str) -> str:
        found = re.search(rf"{re.escape(what)}.*?\[ref=(\w+)\]", self.seen.outline)
        assert found, f"there is no {what} in\n{self.seen.outline}"
        return found[1]

    def act(self, kind: ActionKind, what: str = "", **fields: object) -> BrowserObservation:
        action = {"kind": kind, "ref": self.ref(what) if what else "", **fields}
        self.last = self._env.step(BrowserAction.model_validate(action))
        self.seen = self.last.observation
        return self.seen


def _until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while not is_so():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.02)


def _programs(of: psutil.Process | None = None) -> dict[psutil.Process, str]:
    """Return the processes of Chromium and of its driver below one, with their command lines."""
    found = {}
    for process in (of or psutil.Process()).children(recursive=True):
        # They come and go meanwhile.
        with contextlib.suppress(psutil.NoSuchProcess):
            command = " ".join(process.cmdline())
            if "chrom" in command or "cli.js" in command:
                found[process] = command
    return found


def _is_alive(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.status() != psutil.STATUS_ZOMBIE
    return False


def _browsers() -> list[psutil.Process]:
    return [process for process, command in _programs().items() if "--type=" not in command and "cli.js" not in command]


# -- what agents do ----------------------------------------------------------------------------------------------------


def test_an_errand_is_run_to_its_end(env: Browsing) -> None:
    agent = Agent(env, task={"id": "train-1"})
    assert agent.seen.goal == "Buy the cheapest blue mug that is in stock. Pay by invoice."
    assert (agent.seen.url, agent.seen.title, agent.seen.steps_left) == (
        "http://shop.test/",
        "Home · Harbour Goods",
        30,
    )

    agent.act("type", 'textbox "Search products"', text="blue mug", submit=True)
    assert agent.seen.url == "http://shop.test/search?q=blue+mug"
    agent.act("select", 'combobox "Sort by"', text="Price: low to high")
    agent.act("click", 'button "Apply"')
    cheapest = re.findall(r'link "(\w+ Mug)"', agent.seen.outline)[0]
    agent.act("click", f'link "{cheapest}"')
    agent.act("click", 'button "Add to cart"')
    assert agent.seen.url == "http://shop.test/cart"
    assert f"{cheapest} is in your cart." in agent.seen.outline
    agent.act("click", 'link "Go to checkout"')
    agent.act("click", 'button "Place order"')
    assert "Please correct 2 fields." in agent.seen.outline
    agent.act("select", 'combobox "How to pay"', text="Invoice")
    agent.act("click", 'checkbox "I agree to the terms"')
    agent.act("click", 'button "Place order"')
    assert "Your order has been placed." in agent.seen.outline
    agent.act("answer", text="done")

    assert agent.last is not None
    assert (agent.last.reward, agent.last.done, agent.seen.error) == (1.0, True, "")
    assert (set(agent.seen.checks.values()), agent.seen.harm) == ({True}, [])
    with pytest.raises(EnvironmentExecutionError, match="reset begins one"):
        agent.act("read")


def test_the_way_back_leads_over_pages_and_not_over_forms(env: Browsing) -> None:
    agent = Agent(env, task={"goal": "look around"})
    assert agent.act("back").error == "there is no page to go back to"
    agent.act("goto", url="/product/tide-mug")
    agent.act("click", 'button "Put on the wish list"')
    assert agent.seen.url == "http://shop.test/wishlist"
    assert agent.act("back").url == "http://shop.test/product/tide-mug"
    assert "Take off the wish list" in agent.seen.outline
    assert agent.act("back").url == "http://shop.test/"


def test_pages_are_read_scrolled_and_shown(env: Browsing) -> None:
    agent = Agent(env, task={"goal": "look around"})
    assert "Things for quiet rooms" in agent.act("read").text
    assert agent.act("read", 'heading "Things').text == "Things for quiet rooms"
    top = agent.act("screenshot").screenshot
    agent.act("scroll", "contentinfo")
    bottom = agent.act("screenshot").screenshot

    assert top is not None
    assert (top[:8], struct.unpack(">II", top[16:24])) == (b"\x89PNG\r\n\x1a\n", (1280, 800))
    assert bottom is not None
    assert bottom != top
    agent.act("scroll", direction="up")
    assert agent.act("screenshot").screenshot == top


def test_a_picture_is_enough_to_act_by(env: Browsing) -> None:
    agent = Agent(env, task={"goal": "look around"})
    agent.act("click", x=540, y=34)
    assert agent.act("type", text="lamp", submit=True).url == "http://shop.test/search?q=lamp"
    assert agent.act("click", x=1000, y=34).url == "http://shop.test/orders"
    assert agent.act("click", x=1279, y=799).url == "http://shop.test/orders"


def test_keys_are_pressed_where_the_focus_is(env: Browsing) -> None:
    agent = Agent(env, task={"goal": "look around"})
    agent.act("type", 'textbox "Search products"', text="lamp")
    assert agent.act("press", key="Enter").url == "http://shop.test/search?q=lamp"
    agent.act("press", 'combobox "Colour"', key="ArrowDown")
    assert 'option "Blue" [selected]' in agent.seen.outline


@pytest.mark.parametrize(
    ("action", "error"),
    [
        (BrowserAction(kind="click"), "needs the reference of an element"),
        (BrowserAction(kind="click", x=5), "needs the reference of an element"),
        (BrowserAction(kind="type", text="x"), "or one that has the focus"),
        (BrowserAction(kind="click", ref="e9999"), "there is no element 'e9999'; there are: e4 link"),
        (BrowserAction(kind="click", ref="css=a"), "there is no element 'css=a'"),
        (BrowserAction(kind="type", ref="e4", text="x"), "not an <input>"),
        (BrowserAction(kind="select", ref="e4", text="x"), "it is no list of options"),
        (BrowserAction(kind="press", key="Everything"), "Unknown key"),
        (BrowserAction(kind="press"), "needs a key"),
        (BrowserAction(kind="goto"), "needs an address"),
        (BrowserAction(kind="goto", url="http://["), "is no address"),
        (BrowserAction(kind="goto", url="file:///etc/passwd"), "begins with http"),
        (BrowserAction(kind="goto", url="javascript:alert(1)"), "begins with http"),
        (BrowserAction(kind="goto", url="http://example.org/"), "example.org is not allowed: there are shop.test"),
    ],
    ids=lambda value: value.kind if isinstance(value, BrowserAction) else "",
)
def test_what_cannot_be_done_is_told_and_changes_nothing(shared: Agent, action: BrowserAction, error: str) -> None:
    before = shared.seen.outline
    seen = shared.act(**action.model_dump(exclude={"metadata"}))

    assert error in seen.error
    assert (seen.url, seen.outline, seen.restarted) == ("http://shop.test/", before, "")


@pytest.fixture(scope="module")
def shared(server: RunningServer) -> Iterator[Agent]:
    with BrowserEnv(base_url=server.base_url).sync() as client:
        yield Agent(client, task={"goal": "make mistakes"})


def test_a_step_too_many_ends_the_errand(env: Browsing) -> None:
    agent = Agent(env, task={"id": "test-0"})
    for left in range(29, -1, -1):
        agent.act("click")
        assert (agent.seen.steps_left, agent.seen.checks == {}) == (left, left > 0)

    assert agent.last is not None
    assert (agent.last.done, agent.last.reward) == (True, 0.0)


def test_tools_do_the_same(env: Browsing) -> None:
    assert {tool.name for tool in env.list_tools()} >= {"goto", "click", "type", "read", "screenshot", "answer"}
    env.reset(task={"id": "test-0"})
    env.call_tool("goto", url="/product/lantern-lamp")
    rating = re.findall(r"([0-9.]+) out of 5", str(env.call_tool("read")))
    assert env.call_tool("screenshot").data.startswith(b"\x89PNG")
    env.call_tool("answer", text=rating[0])

    assert env.state().step_count == 4


# -- what pages reach --------------------------------------------------------------------------------------------------


class Outside(BaseHTTPRequestHandler):
    """A site beside the shop, which leads to a host that is not allowed in every way that it knows."""

    def do_GET(self) -> None:
        host = self.headers["Host"].partition(":")[0]
        self.server.asked.append((host, self.path))  # type: ignore[attr-defined]
        elsewhere = f"http://127.0.0.1:{self.server.server_port}"  # type: ignore[attr-defined]
        if self.path == "/never":
            self.server.is_over.wait()  # type: ignore[attr-defined]
            return
        if self.path == "/redirect":
            self.send_response(302)
            self.send_header("Location", f"{elsewhere}/stolen")
            self.end_headers()
            return
        page = (
            f"<title>Outside</title><h1>Outside</h1><img src='{elsewhere}/image'><a href='{elsewhere}/link'>away</a>"
            f"<a href='/popup' target='_blank'>popup</a><iframe src='{elsewhere}/frame'></iframe>"
            f"<script>fetch('{elsewhere}/fetch', {{mode: 'no-cors'}}); new WebSocket('{elsewhere}/ws')</script>"
        )
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(page.encode())

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def outside() -> Iterator[tuple[str, list[tuple[str, str]]]]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Outside) as site:
        site.asked, site.is_over = [], threading.Event()  # type: ignore[attr-defined]
        thread = threading.Thread(target=site.serve_forever)
        thread.start()
        yield f"http://localhost:{site.server_port}", site.asked  # type: ignore[attr-defined]
        site.is_over.set()  # type: ignore[attr-defined]
        site.shutdown()
        thread.join()


def test_an_allowed_host_is_reached_and_no_other(outside: tuple[str, list[tuple[str, str]]]) -> None:
    url, asked = outside
    settings = BrowserSettings(allowed_hosts=("localhost",), idle_s=0)
    with BrowserEnv.from_environment(lambda: BrowserEnvironment(settings)).sync() as env:
        agent = Agent(env, task={"goal": "look around", "url": url})
        assert (agent.seen.title, agent.seen.url) == ("Outside", f"{url}/")
        agent.act("click", 'link "away"')
        assert "127.0.0.1 is not allowed: there are shop.test, localhost" in agent.seen.error
        assert "This host is not among those that are allowed." in agent.seen.outline
        agent.act("goto", url=f"{url}/redirect")
        assert agent.seen.error
        # What a page could not fetch beside is no error of the agent's.
        assert agent.act("goto", url=f"{url}/again").error == ""
        agent.act("click", 'link "popup"')
        assert agent.seen.url == f"{url}/popup"
        agent.act("goto", url="http://shop.test/cart")
        assert agent.seen.title == "Cart · Harbour Goods"

    assert {host for host, _ in asked} == {"localhost"}
    assert {path for _, path in asked} >= {"/", "/redirect", "/again"}


def test_a_page_that_never_answers_is_given_up(outside: tuple[str, list[tuple[str, str]]]) -> None:
    url, _ = outside
    environment = BrowserEnvironment(BrowserSettings(allowed_hosts=("localhost",), idle_s=0))
    with contextlib.closing(environment):
        environment.reset(task={"goal": "look around"})
        seen = environment.step(BrowserAction(kind="goto", url=f"{url}/never"), timeout_s=0.5)
        assert (seen.error, seen.url, seen.restarted) == ("it took too long", "http://shop.test/", "")
        assert environment.step(BrowserAction(kind="goto", url="/cart")).title == "Cart · Harbour Goods"


# -- sessions ----------------------------------------------------------------------------------------------------------


def test_sixteen_sessions_share_a_browser_and_nothing_else(server: RunningServer) -> None:
    async def shop(number: int) -> list[str]:
        async with BrowserEnv(base_url=server.base_url) as client:
            seen = (await client.reset(task={"goal": "buy"}, seed=number)).observation
            for url in ("/product/tide-mug", "/cart"):
                seen = (await client.step(BrowserAction(kind="goto", url=url))).observation
                if found := re.search(r'button "Add to cart" \[ref=(\w+)\]', seen.outline):
                    await client.step(BrowserAction(kind="click", ref=found[1]))
            together.append(len(_browsers()))
            return re.findall(r'link "(Cart .*?)"', seen.outline)

    async def all_of_them() -> list[list[str]]:
        return await asyncio.gather(*map(shop, [0] * 16))

    together: list[int] = []
    expected = asyncio.run(shop(0))
    assert asyncio.run(all_of_them()) == [expected] * 16
    assert set(together) == {1}


def test_a_browser_that_dies_is_started_anew_and_every_session_told(server: RunningServer, env: Browsing) -> None:
    with BrowserEnv(base_url=server.base_url).sync() as other:
        agents = [Agent(env, task={"id": "train-1"}), Agent(other, task={"goal": "look around"})]
        for agent in agents:
            agent.act("goto", url="/product/tide-mug")
            agent.act("click", 'button "Add to cart"')
        [browser] = _browsers()
        browser.kill()

        for agent in agents:
            agent.act("read")
            # Its pages may be seen to end before it is.
            assert agent.seen.restarted in ("Chromium ended unexpectedly", "the page crashed", "the page was closed")
            assert "may not have been done" in agent.seen.error
            # What the shop knows is not lost with the page.
            assert (agent.seen.url, 'link "Cart (1)"' in agent.seen.outline) == ("http://shop.test/cart", True)
            assert "Tide Mug" in agent.act("read").text
        assert env.state().restarts == 1
        assert len(_browsers()) == 1


@pytest.mark.parametrize("program", ["--type=renderer", "cli.js"])
def test_a_page_or_a_driver_that_dies_is_told_too(env: Browsing, program: str) -> None:
    agent = Agent(env, task={"goal": "look around"})
    for process, command in _programs().items():
        if program in command:
            process.kill()

    assert re.match("the (page|browser's driver) ", agent.act("read").restarted)
    assert "Things for quiet rooms" in agent.act("read").text


def test_nothing_is_left_when_a_process_is_killed() -> None:
    program = (
        "import time\nfrom browser_env.server.browser_environment import BrowserEnvironment\n"
        "BrowserEnvironment().reset()\nprint('ready', flush=True)\ntime.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == b"ready\n"
        programs = _programs(psutil.Process(owner.pid))
        assert len(programs) > 2
        owner.kill()

    _until(lambda: not any(map(_is_alive, programs)))


def test_nothing_is_left_when_the_last_session_ends() -> None:
    settings = BrowserSettings(allowed_hosts=("nothing.test",), idle_s=0)
    before = set(_programs())
    threads = set(threading.enumerate())
    first, second = (BrowserEnvironment(settings) for _ in range(2))
    first.reset()
    second.reset()
    mine = set(_programs()) - before
    assert mine
    first.close()
    assert not second.step(BrowserAction(kind="read")).error
    second.close()

    _until(lambda: not any(map(_is_alive, mine)))
    _until(lambda: not {each for each in set(threading.enumerate()) - threads if "chromium" in each.name})
    second.close()
    with pytest.raises(RuntimeError, match="reset begins one"):
        second.step(BrowserAction(kind="read"))


def test_a_chromium_that_does_not_start_is_told() -> None:
    environment = BrowserEnvironment(BrowserSettings(path=sys.executable, idle_s=0))
    with pytest.raises(RuntimeError, match="Chromium does not start"):
        environment.reset()
    environment.close()


# -- promises ----------------------------------------------------------------------------------------------------------


def test_the_readme_does_what_it_says(server: RunningServer) -> None:
    [block] = [block for block in blocks_of(PROJECT / "README.md") if block.language == "python"]
    printed, _ = run_python(block, server.base_url, {})

    assert printed == promised_lines(block)


def test_it_keeps_what_every_environment_promises() -> None:
    report = check_environment(
        BrowserEnvironment, client_cls=BrowserEnv, level="contract", steps=4, check_timeout_s=300
    )

    report.raise_if_failed(strict=True)
