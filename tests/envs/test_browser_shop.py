"""The browser environment's shop and errands, without a browser: requests go to its site."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from urllib.parse import urlencode

import pytest

from browser_env import BrowserAction, BrowserObservation
from browser_env.server import settings
from browser_env.server.outline import is_reference, shortened, suggestions
from browser_env.server.rewards import BrowserRubric
from browser_env.server.settings import BrowserSettings, find_chromium
from browser_env.shop.shop import RefusedError, Shop
from browser_env.shop.site import Reply, Site
from browser_env.shop.tasks import ShopTask, find_task, splits, task_ids
from openenv.core.exceptions import ConfigurationError
from openenv.testing import check_project
from tests.docs.pages import ROOT

_TASKS = [name for split in splits() for name in task_ids(split)]
_SEEDS = range(25)
_DETAILS = {"delivery": "standard", "payment": "invoice", "terms": "1"}


class Visitor:
    """Somebody who fills in forms."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.site = Site(shop)

    def get(self, path: str) -> str:
        reply = self.site.answer("GET", f"http://shop.test{path}")
        assert reply.status == 200, path
        return reply.html

    def post(self, path: str, **fields: object) -> Reply:
        return self.site.answer("POST", f"http://shop.test{path}", urlencode(fields))

    def buy(self, slugs: Mapping[str, int], **details: str) -> None:
        for slug, quantity in slugs.items():
            assert self.post(f"/product/{slug}/add", quantity=quantity).location == "/cart"
        home = vars(self.shop.account.address)
        assert self.post("/checkout", **{**home, **_DETAILS, **details}).location.startswith("/orders/")

    def slugs(self, **query: str) -> list[str]:
        """Return what a search finds, in its order."""
        return re.findall(r'<a href="/product/([a-z-]+)"><svg', self.get(f"/search?{urlencode(query)}"))

    def name(self, slug: str) -> str:
        found = re.search(r"<h1>(.*?)</h1>", self.get(f"/product/{slug}"))
        assert found
        return found[1]

    def ratings(self, slugs: list[str]) -> dict[str, float]:
        return {slug: self.shown(r"([0-9.]+) out of 5", f"/product/{slug}") for slug in slugs}

    def shown(self, pattern: str, path: str) -> float:
        found = re.search(pattern, self.get(path))
        assert found, (pattern, path)
        return float(found[1].replace(",", ""))

    def reviewers(self, slug: str) -> list[str]:
        """Return who reviewed a product, from the fewest stars to the most."""
        said = re.findall(r"<strong>(\w+)</strong>.*?>(\d) stars?</span>", self.get(f"/product/{slug}"))
        return [author for author, _ in sorted(said, key=lambda review: review[1])]

    def cheapest(self, category: str, colour: str) -> str:
        return self.slugs(category=category, colour=colour, in_stock="1", order="cheap")[0]

    def remove(self, noun: str) -> str:
        [slug] = [slug for slug in re.findall(r'action="/cart/([a-z-]+)"', self.get("/cart")) if slug.endswith(noun)][
            :1
        ]
        self.post(f"/cart/{slug}", remove="1")
        return ""


def _first_address(goal: str) -> dict[str, str]:
    found = re.search(r"sent to (?P<name>.*?), (?P<street>.*?), (?P<postcode>\d{5}) (?P<city>\w+)\.", goal)
    assert found
    return found.groupdict()


def _quantity_changed(visitor: Visitor, task: ShopTask) -> str:
    name = task.goal.partition("pieces of the ")[2].partition(",")[0]
    visitor.post(f"/cart/{name.lower().replace(' ', '-')}", quantity=4)
    return ""


def _bought_some(visitor: Visitor, task: ShopTask) -> str:
    best = visitor.slugs(category="notebooks", in_stock="1", order="rated")[0]
    visitor.post(f"/product/{best}/add", quantity=3)
    visitor.post("/cart/voucher", code=re.findall(r"voucher <strong>(\w+)", visitor.get("/"))[0])
    visitor.buy({}, delivery="express")
    return ""


def _bought_again(visitor: Visitor, task: ShopTask) -> str:
    lines = re.findall(r'/product/([a-z-]+)">.*?class="number">(\d+)<', visitor.get("/orders/20481"))
    visitor.buy({slug: int(quantity) for slug, quantity in lines}, delivery="express")
    return ""


def _bought(visitor: Visitor, slug: str, **details: str) -> str:
    visitor.buy({slug: 1}, **details)
    return ""


def _wished(visitor: Visitor, category: str) -> str:
    visitor.post(f"/product/{visitor.slugs(category=category, order='rated')[0]}/wish", wish="add")
    return ""


def _sent(visitor: Visitor, path: str, **fields: object) -> str:
    visitor.post(path, **fields)
    return ""


def _count_below(visitor: Visitor, category: str, euros: float) -> str:
    prices = [
        visitor.shown(r'class="price">€([0-9.]+)', f"/product/{slug}") for slug in visitor.slugs(category=category)
    ]
    return f"There are {sum(price < euros for price in prices)}."


_Solution = Callable[[Visitor, ShopTask], str]
_SOLUTIONS: dict[str, _Solution] = {
    "train-0": lambda visitor, task: str(visitor.ratings(["tide-mug"])["tide-mug"]),
    "train-1": lambda visitor, task: _bought(visitor, visitor.cheapest("mugs", "blue")),
    "train-2": lambda visitor, task: visitor.remove("-lamp"),
    "train-3": lambda visitor, task: _wished(visitor, "lamps"),
    "train-4": lambda visitor, task: _sent(visitor, "/orders/20555/cancel"),
    "train-5": lambda visitor, task: _sent(visitor, "/account", email="a@b.test", phone="0171 555 0199") and "",
    "train-6": lambda visitor, task: f"It was {visitor.reviewers('ferry-backpack')[0]}.",
    "train-7": _bought_some,
    "train-8": lambda visitor, task: _count_below(visitor, "mugs", 15),
    "train-9": _quantity_changed,
    "train-10": lambda visitor, task: visitor.name(visitor.slugs(category="backpacks", order="quick")[0]).lower(),
    "train-11": lambda visitor, task: _sent(visitor, "/product/hearth-blanket/review", stars=4, text="Warm and soft."),
    "train-12": lambda visitor, task: f"€{visitor.shown(r'sum.>€([0-9.,]+)', '/orders/20481'):,.2f}",
    "train-13": lambda visitor, task: _bought(
        visitor, visitor.cheapest("blankets", "white"), **_first_address(task.goal), note="Please ring twice"
    ),
    "test-0": lambda visitor, task: f"{visitor.ratings(['lantern-lamp'])['lantern-lamp']} out of 5",
    "test-1": lambda visitor, task: _bought(
        visitor, visitor.cheapest("plant-pots", "yellow"), **_first_address(task.goal), payment="transfer"
    ),
    "test-2": lambda visitor, task: _wished(visitor, "blankets"),
    "test-3": lambda visitor, task: visitor.reviewers("glasshouse-plant-pot")[-1],
    "test-4": _bought_again,
    "test-5": lambda visitor, task: visitor.name(visitor.slugs(category="backpacks", in_stock="1", order="dear")[0]),
    "test-6": lambda visitor, task: _count_below(visitor, "notebooks", 12),
}


@pytest.mark.parametrize("name", _TASKS)
def test_every_task_can_be_done_by_what_the_pages_show(name: str) -> None:
    for seed in _SEEDS:
        task = find_task(name, seed)
        assert not any(task.outcome("").values()), "nothing is done at first"
        assert not task.harm()

        said = _SOLUTIONS[name](Visitor(task.shop), task)

        assert all(task.outcome(said).values()), (seed, task.goal, said)
        assert not task.harm()


def test_tasks_differ_by_seed_and_not_by_chance() -> None:
    assert find_task("train-1", 3).shop == find_task("train-1", 3).shop
    answers = {str(Visitor(find_task("train-0", seed).shop).ratings(["tide-mug"])) for seed in _SEEDS}
    assert len(answers) > 3
    assert len(_TASKS) == 21
    assert not {find_task(name, 0).goal for name in task_ids("train")} & {
        find_task(name, 0).goal for name in task_ids("test")
    }


def test_what_is_done_in_part_counts_in_part() -> None:
    task = find_task("train-13", 0)
    visitor = Visitor(task.shop)
    visitor.buy({visitor.cheapest("blankets", "white"): 1})

    assert list(task.outcome("").values()) == [True, True, False, False]


def test_what_nobody_asked_for_is_harm() -> None:
    task = find_task("train-0", 0)
    visitor = Visitor(task.shop)
    visitor.post("/product/tide-mug/wish", wish="add")
    visitor.buy({"harbour-mug": 1})

    assert task.harm() == ["changed: orders", "changed: wish list"]


def test_two_orders_are_one_too_many() -> None:
    task = find_task("train-1", 0)
    visitor = Visitor(task.shop)
    for _ in range(2):
        visitor.buy({visitor.cheapest("mugs", "blue"): 1})

    assert all(task.outcome("").values())
    assert task.harm() == ["more than one order was placed"]


@pytest.mark.parametrize("said", ["", "many", "4.25", "14.1", "four"])
def test_a_wrong_answer_is_wrong(said: str) -> None:
    task = find_task("train-0", 0)
    assert list(task.outcome(said).values()) == [False]


def test_an_answer_that_names_everybody_is_wrong() -> None:
    task = find_task("train-6", 0)
    everybody = " ".join(Visitor(task.shop).reviewers("ferry-backpack"))

    assert list(task.outcome(everybody).values()) == [False]


def test_a_reward_is_the_part_of_the_checks_that_is_met_unless_there_is_harm() -> None:
    rubric, action = BrowserRubric(), BrowserAction(kind="answer")

    def reward(**fields: object) -> float:
        return float(rubric(action, BrowserObservation.model_validate(fields)))

    assert reward() == 0.0
    assert reward(checks={"one": True, "two": False}) == 0.5
    assert reward(checks={"one": True, "two": True}) == 1.0
    assert reward(checks={"one": True}, harm=["changed: cart"]) == 0.0


# -- the shop ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def visitor() -> Visitor:
    return Visitor(Shop(0))


def test_a_checkout_tells_what_is_wrong_and_keeps_what_was_written(visitor: Visitor) -> None:
    visitor.post("/product/tide-mug/add", quantity=1)
    reply = visitor.post("/checkout", name="Ada <b>", street="", postcode="123", city="Altmark", delivery="drone")

    assert (reply.status, reply.location) == (422, "")
    for error in ("street and number", "five digits", "choose a delivery", "how to pay", "agree to the terms"):
        assert error in reply.html
    assert "Please correct 5 fields" in reply.html
    assert "Ada &lt;b&gt;" in reply.html
    assert not visitor.shop.orders[0].number > 20555


def test_a_product_that_is_sold_out_cannot_be_bought(visitor: Visitor) -> None:
    [sold_out, *_] = [product for product in visitor.shop.products.values() if not product.stock]

    assert "Add to cart" not in visitor.get(f"/product/{sold_out.slug}")
    visitor.post(f"/product/{sold_out.slug}/add", quantity=1)
    assert visitor.shop.cart == {}
    assert "is sold out" in visitor.get("/cart")


@pytest.mark.parametrize("quantity", ["0", "-1", "x", "", "1e3", "٣", "99999999999999999999", "21"])
def test_a_quantity_that_is_none_is_refused(visitor: Visitor, quantity: str) -> None:
    visitor.post("/product/tide-mug/add", quantity=quantity)

    assert visitor.shop.cart == {}


def test_what_visitors_write_is_shown_and_not_run(visitor: Visitor) -> None:
    visitor.post("/product/tide-mug/review", stars=5, text="<script>alert(1)</script>")

    page = visitor.get("/product/tide-mug")
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert "<script>" not in visitor.get("/search?q=<script>")


def test_a_search_filters_and_pages(visitor: Visitor) -> None:
    everything = [slug for page in (1, 2, 3, 4) for slug in visitor.slugs(page=str(page))]

    assert sorted(everything) == sorted(visitor.shop.products)
    assert len(visitor.slugs()) == 12
    assert visitor.slugs(page="99") == visitor.slugs(page="4")
    assert visitor.slugs(q="BLUE mug") == ["harbour-mug", "tide-mug", "skylark-mug"]
    assert all(visitor.shop.products[slug].cents <= 2000 for slug in visitor.slugs(most="20"))
    assert visitor.slugs(colour="plaid", most="cheap", order="best", category="x", page="-1") == visitor.slugs()
    assert visitor.slugs(q="unicorn") == []


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/nowhere"),
        ("GET", "/product/unicorn"),
        ("GET", "/orders/7"),
        ("GET", "/../../etc/passwd"),
        ("POST", "/"),
        ("DELETE", "/cart"),
        ("POST", "/cart/voucher/x"),
    ],
)
def test_what_is_not_there_is_not_found(visitor: Visitor, method: str, path: str) -> None:
    assert visitor.site.answer(method, f"http://shop.test{path}", "a=1").status == 404


def test_nonsense_in_forms_changes_nothing(visitor: Visitor) -> None:
    before = Shop(0)
    for path in ("/cart/unicorn", "/cart/voucher", "/product/tide-mug/review", "/account", "/orders/20481/cancel"):
        visitor.site.answer("POST", f"http://shop.test{path}", "&".join(f"a{n}=\0" for n in range(200)))
        visitor.site.answer("POST", f"http://shop.test{path}", "code=FREE&stars=6&text=x&email=no&phone=abc&quantity=9")

    assert visitor.shop == before


def test_orders_and_reviews_do_not_grow_without_end(visitor: Visitor) -> None:
    for _ in range(60):
        visitor.shop.cart = {"tide-mug": 1}
        reply = visitor.post("/checkout", **{**vars(visitor.shop.account.address), **_DETAILS})

    assert len(visitor.shop.orders) == 50
    assert reply.location == "/cart"
    for slug in list(visitor.shop.products)[:20]:
        visitor.shop.write_review(slug, 3, "fine")
    with pytest.raises(RefusedError, match="too many reviews"):
        visitor.shop.write_review(list(visitor.shop.products)[20], 3, "fine")


# -- around it ---------------------------------------------------------------------------------------------------------


def test_settings_come_from_variables() -> None:
    chosen = BrowserSettings.from_environ(
        {"OPENENV_BROWSER_ALLOWED_HOSTS": "Example.org, *.wiki.test", "OPENENV_BROWSER_SANDBOX": "off"}
    )

    assert chosen.has_sandbox is False
    assert [chosen.allows(host) for host in ("example.org", "www.example.org", "wiki.test", "en.wiki.test")] == [
        True,
        False,
        False,
        True,
    ]
    assert BrowserSettings.from_environ({}) == BrowserSettings()


@pytest.mark.parametrize(
    "variables",
    [
        {"OPENENV_BROWSER_ALLOWED_HOSTS": "http://example.org"},
        {"OPENENV_BROWSER_ALLOWED_HOSTS": "*"},
        {"OPENENV_BROWSER_ALLOWED_HOSTS": "a.test EXCLUDE *"},
        {"OPENENV_BROWSER_SANDBOX": "maybe"},
    ],
)
def test_settings_that_cannot_work_are_told(variables: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError, match="expected"):
        BrowserSettings.from_environ(variables)


def test_chromium_is_where_the_operator_says_or_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_chromium(sys.executable) == sys.executable
    with pytest.raises(ConfigurationError, match="OPENENV_BROWSER_PATH"):
        find_chromium("/nowhere/chromium")
    monkeypatch.setattr(settings, "_PROGRAMS", ())
    monkeypatch.setattr(settings, "_ON_MACOS", ())
    with pytest.raises(ConfigurationError, match="apt install chromium"):
        find_chromium()
    assert find_chromium("", sys.executable) == sys.executable


def test_an_outline_tells_what_can_be_acted_on() -> None:
    outline = """- banner [ref=e2]:
  - link "Cart (0)" [ref=e15] [cursor=pointer]:
    - /url: /cart
  - 'textbox "Price: high" [active] [ref=f1e9]'
  - paragraph [ref=e44]: link
  - checkbox "I agree" [checked] [ref=e50]"""

    assert suggestions(outline) == 'e15 link "Cart (0)"; f1e9 textbox "Price: high"; e50 checkbox "I agree"'
    assert [is_reference(text) for text in ("e1", "f12e3", "e", "e1 >> body", "css=a", "e1\n")] == [True] * 2 + [
        False
    ] * 4
    assert shortened("abcdef", 3) == "abc\n… 3 more letters are left out"


def test_its_project_is_whole() -> None:
    check_project(ROOT / "envs" / "browser_env", level="static").raise_if_failed(strict=True)
