"""The shop's pages, as answers to requests: no socket, no process, one visitor."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import parse_qsl, urlencode, urlsplit

import jinja2

from browser_env.shop.catalogue import CATEGORIES, COLOURS
from browser_env.shop.forms import CheckoutForm, ReviewForm, account_errors, read_quantity
from browser_env.shop.orders import DELIVERIES, FREE_FROM_CENTS, PAYMENTS, VOUCHERS
from browser_env.shop.search import ORDERS, PAGE_SIZE, Search
from browser_env.shop.shop import MOST_OF_ONE, RefusedError, Shop

__all__ = ["SHOP_HOST", "SHOP_URL", "Reply", "Site"]

SHOP_HOST = "shop.test"
SHOP_URL = f"http://{SHOP_HOST}/"

_Fields: TypeAlias = Mapping[str, str]
_PAGES = Path(__file__).parent / "pages"
_MOST_FIELDS = 40


@dataclass(frozen=True)
class Reply:
    """An answer to a request.

    Attributes:
        status: Its HTTP status.
        html: The page; empty where another one is to be asked for.
        location: The path of that one. Only a form that was sent leads to one.
    """

    status: int
    html: str = ""
    location: str = ""


class Site:
    """A visitor's shop, as pages."""

    def __init__(self, shop: Shop) -> None:
        """Open it.

        Args:
            shop: What it shows and changes.
        """
        self._shop = shop
        self._message = ""

    def answer(self, method: str, url: str, body: str = "") -> Reply:
        """Return the answer to a request.

        Args:
            method: `GET` or `POST`.
            url: The address, of which path and query count.
            body: The fields of a form, as a browser sends them.
        """
        parts = urlsplit(url)
        for known_method, pattern, handler in _ROUTES:
            match = pattern.fullmatch(parts.path)
            if match and known_method == method:
                fields = _fields(parts.query if method == "GET" else body)
                try:
                    return handler(self, fields, **match.groupdict())
                except RefusedError as refusal:
                    return self._refused(method, str(refusal))
        return self._page("message.html", 404, title="Page not found", text="There is no such page in this shop.")

    def _refused(self, method: str, why: str) -> Reply:
        if method == "POST":
            self._message = why
            return Reply(303, location="/cart")
        return self._page("message.html", 404, title="Not found", text=why)

    def _page(self, template: str, status: int = 200, **values: Any) -> Reply:
        message, self._message = self._message, ""
        page = _templates().get_template(template)
        return Reply(status, page.render(shop=self._shop, message=message, **values))

    def _go(self, location: str, message: str = "") -> Reply:
        self._message = message
        return Reply(303, location=location)

    def _home(self, query: _Fields) -> Reply:
        featured = sorted(self._shop.products.values(), key=lambda product: -product.rating)[:4]
        return self._page("home.html", featured=featured)

    def _search(self, query: _Fields) -> Reply:
        search = Search.asked_by(query)
        found = search.found(self._shop.products.values())
        pages = max(1, -(-len(found) // PAGE_SIZE))
        search = replace(search, page=min(search.page, pages))
        start = (search.page - 1) * PAGE_SIZE
        kept = {key: value for key, value in query.items() if key != "page"}
        links = [f"/search?{urlencode({**kept, 'page': page + 1})}" for page in range(pages)]
        return self._page(
            "search.html", search=search, found=found[start : start + PAGE_SIZE], count=len(found), links=links
        )

    def _product(self, query: _Fields, slug: str) -> Reply:
        return self._page("product.html", product=self._shop.product(slug))

    def _add(self, form: _Fields, slug: str) -> Reply:
        product, quantity = self._shop.product(slug), read_quantity(form)
        if not quantity:
            return self._go(f"/product/{slug}", "Please enter how many you want, from 1.")
        try:
            self._shop.put(slug, self._shop.cart.get(slug, 0) + quantity)
        except RefusedError as refusal:
            return self._go(f"/product/{slug}", str(refusal))
        return self._go("/cart", f"{product.name} is in your cart.")

    def _wish(self, form: _Fields, slug: str) -> Reply:
        is_wished = form.get("wish") == "add"
        self._shop.wish(slug, is_wished=is_wished)
        name = self._shop.products[slug].name
        return self._go("/wishlist", f"{name} is {'on' if is_wished else 'no longer on'} your wish list.")

    def _review(self, form: _Fields, slug: str) -> Reply:
        review = ReviewForm.filled_in(form)
        if error := review.error():
            return self._page("product.html", product=self._shop.product(slug), review=review, review_error=error)
        self._shop.write_review(slug, review.stars, review.text)
        return self._go(f"/product/{slug}", "Thank you for your review.")

    def _cart(self, query: _Fields) -> Reply:
        return self._page("cart.html", totals=self._shop.totals())

    def _change(self, form: _Fields, slug: str) -> Reply:
        quantity = 0 if "remove" in form else read_quantity(form)
        if quantity is None:
            return self._go("/cart", "Please enter a number.")
        self._shop.put(slug, quantity)
        name = self._shop.products[slug].name
        return self._go("/cart", f"{name}: {quantity} in your cart." if quantity else f"{name} was removed.")

    def _redeem(self, form: _Fields) -> Reply:
        self._shop.redeem(form.get("code", ""))
        return self._go("/cart", "The voucher was applied." if self._shop.voucher else "No voucher is used.")

    def _checkout(self, query: _Fields) -> Reply:
        if not self._shop.cart:
            return self._cart(query)
        return self._checkout_page(CheckoutForm(self._shop.account.address), {})

    def _checkout_page(self, form: CheckoutForm, errors: dict[str, str]) -> Reply:
        totals = {delivery: self._shop.totals(delivery) for delivery in DELIVERIES}
        return self._page("checkout.html", 422 if errors else 200, form=form, errors=errors, totals=totals)

    def _buy(self, fields: _Fields) -> Reply:
        form = CheckoutForm.filled_in(fields)
        if errors := form.errors():
            return self._checkout_page(form, errors)
        order = self._shop.buy(form.address, form.delivery, form.payment, form.note)
        return self._go(f"/orders/{order.number}", "Thank you! Your order has been placed.")

    def _orders(self, query: _Fields) -> Reply:
        return self._page("orders.html")

    def _order(self, query: _Fields, number: str) -> Reply:
        return self._page("order.html", order=self._shop.order(number))

    def _cancel(self, form: _Fields, number: str) -> Reply:
        order = self._shop.order(number)
        try:
            self._shop.cancel(number)
        except RefusedError as refusal:
            return self._go(f"/orders/{order.number}", str(refusal))
        return self._go(f"/orders/{order.number}", f"Order {order.number} was cancelled.")

    def _wishlist(self, query: _Fields) -> Reply:
        return self._page("wishlist.html", wished=[self._shop.products[slug] for slug in self._shop.wishes])

    def _account(self, query: _Fields) -> Reply:
        return self._page("account.html", form={}, errors={})

    def _save(self, form: _Fields) -> Reply:
        if errors := account_errors(form):
            return self._page("account.html", 422, form=form, errors=errors)
        account = self._shop.account
        account.email, account.phone = form["email"].strip(), form["phone"].strip()
        account.has_newsletter = "newsletter" in form
        return self._go("/account", "Your account was saved.")


_ROUTES: tuple[tuple[str, re.Pattern[str], Callable[..., Reply]], ...] = tuple(
    (method, re.compile(pattern), handler)
    for method, pattern, handler in (
        ("GET", "/", Site._home),
        ("GET", "/search", Site._search),
        ("GET", "/product/(?P<slug>[a-z-]+)", Site._product),
        ("POST", "/product/(?P<slug>[a-z-]+)/add", Site._add),
        ("POST", "/product/(?P<slug>[a-z-]+)/wish", Site._wish),
        ("POST", "/product/(?P<slug>[a-z-]+)/review", Site._review),
        ("GET", "/cart", Site._cart),
        ("POST", "/cart/voucher", Site._redeem),
        ("POST", "/cart/(?P<slug>[a-z-]+)", Site._change),
        ("GET", "/checkout", Site._checkout),
        ("POST", "/checkout", Site._buy),
        ("GET", "/orders", Site._orders),
        ("GET", "/orders/(?P<number>[0-9]+)", Site._order),
        ("POST", "/orders/(?P<number>[0-9]+)/cancel", Site._cancel),
        ("GET", "/wishlist", Site._wishlist),
        ("GET", "/account", Site._account),
        ("POST", "/account", Site._save),
    )
)


def _fields(encoded: str) -> dict[str, str]:
    try:
        return dict(parse_qsl(encoded, keep_blank_values=True, max_num_fields=_MOST_FIELDS))
    except ValueError:
        return {}


@cache
def _templates() -> jinja2.Environment:
    templates = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_PAGES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters["money"] = lambda cents: f"€{cents / 100:,.2f}"
    templates.globals.update(
        CATEGORIES=CATEGORIES,
        COLOURS=COLOURS,
        DELIVERIES=DELIVERIES,
        FREE_FROM_CENTS=FREE_FROM_CENTS,
        MOST_OF_ONE=MOST_OF_ONE,
        ORDERS=ORDERS,
        PAYMENTS=PAYMENTS,
        VOUCHERS=VOUCHERS,
    )
    return templates
