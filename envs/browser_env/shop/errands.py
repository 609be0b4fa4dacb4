"""Kinds of errands: each makes a goal and its checks from the goods of a shop, whatever their prices are."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from browser_env.shop.catalogue import CATEGORIES, Product
from browser_env.shop.orders import DELIVERIES, PAYMENTS, Address, Order
from browser_env.shop.shop import Shop

__all__ = [
    "Check",
    "Errand",
    "ask_dearest",
    "ask_fastest",
    "ask_how_many",
    "ask_order_total",
    "ask_rating",
    "ask_reviewer",
    "buy_again",
    "buy_cheapest",
    "buy_some",
    "cancel_order",
    "change_account",
    "change_quantity",
    "remove_from_cart",
    "wish_best_rated",
    "write_review",
]

_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_NOUNS = {category.slug: category.noun.lower() for category in CATEGORIES}
_NAMES = {category.slug: category.name.lower() for category in CATEGORIES}


@dataclass(frozen=True)
class Check:
    """Something that has to be true at the end, and is not at the beginning.

    Attributes:
        name: What it is.
        is_met: Returns whether it is, of a shop and an answer.
    """

    name: str
    is_met: Callable[[Shop, str], bool]


@dataclass(frozen=True)
class Errand:
    """What a visitor is asked to do.

    Attributes:
        goal: What is asked for.
        checks: What has to be true at the end.
        changes: What the visitor may change in the shop on the way.
    """

    goal: str
    checks: tuple[Check, ...]
    changes: frozenset[str] = frozenset()


_Maker = Callable[[Shop], Errand]


# -- questions ---------------------------------------------------------------------------------------------------------


def ask_rating(slug: str) -> _Maker:
    """Ask for a product's rating."""

    def make(shop: Shop) -> Errand:
        product = shop.products[slug]
        return _number_asked(
            f"What is the rating of the {product.name}, out of 5? Answer with the number.", product.rating
        )

    return make


def ask_how_many(category: str, below_euros: int) -> _Maker:
    """Ask how many products of a category cost less than so much."""

    def make(shop: Shop) -> Errand:
        count = sum(product.cents < below_euros * 100 for product in _of(shop, category))
        goal = f"How many {_NAMES[category]} cost less than €{below_euros}? Answer with the number."
        return _number_asked(goal, count)

    return make


def ask_order_total() -> _Maker:
    """Ask what the oldest order cost."""

    def make(shop: Shop) -> Errand:
        order = shop.orders[-1]
        goal = f"What was the total of order {order.number} in euros? Answer with the number."
        return _number_asked(goal, order.totals.total / 100)

    return make


def ask_fastest(category: str) -> _Maker:
    """Ask which product of a category is delivered fastest."""

    def make(shop: Shop) -> Errand:
        fastest = min(_of(shop, category), key=lambda product: product.days)
        goal = f"Which {_NOUNS[category]} is delivered fastest? Answer with its name."
        return _name_asked(goal, fastest.name, [product.name for product in _of(shop, category)])

    return make


def ask_dearest(category: str) -> _Maker:
    """Ask which product of a category that is in stock costs the most."""

    def make(shop: Shop) -> Errand:
        dearest = max(_in_stock(shop, category), key=lambda product: product.cents)
        goal = f"Which is the most expensive {_NOUNS[category]} that is in stock? Answer with its name."
        return _name_asked(goal, dearest.name, [product.name for product in _of(shop, category)])

    return make


def ask_reviewer(slug: str, *, is_best: bool) -> _Maker:
    """Ask who gave a product the most stars, or the fewest."""

    def make(shop: Shop) -> Errand:
        product = shop.products[slug]
        choose = max if is_best else min
        author = choose(product.reviews, key=lambda review: review.stars).author
        goal = (
            f"Whose review gives the {product.name} the {'most' if is_best else 'fewest'} stars? Answer with the name."
        )
        return _name_asked(goal, author, [review.author for review in product.reviews])

    return make


def _number_asked(goal: str, expected: float) -> Errand:
    def is_right(shop: Shop, answer: str) -> bool:
        found = _NUMBER.search(answer.replace(",", ""))
        return found is not None and abs(float(found[0]) - expected) < 0.005

    return Errand(goal, (Check("the answer is right", is_right),))


def _name_asked(goal: str, expected: str, candidates: list[str]) -> Errand:
    def is_right(shop: Shop, answer: str) -> bool:
        named = [name for name in candidates if re.search(rf"\b{re.escape(name)}\b", answer, re.IGNORECASE)]
        return named == [expected]

    return Errand(goal, (Check("the answer is right", is_right),))


# -- orders ------------------------------------------------------------------------------------------------------------


def buy_cheapest(
    category: str, colour: str, *, address: Address | None = None, payment: str = "", note: str = ""
) -> _Maker:
    """Have the cheapest product of a category and colour bought."""

    def make(shop: Shop) -> Errand:
        suited = [product for product in _in_stock(shop, category) if product.colour == colour]
        cheapest = min(suited, key=lambda product: product.cents)
        goal = f"Buy the cheapest {colour} {_NOUNS[category]} that is in stock."
        return _bought(shop, goal, {cheapest.slug: 1}, address=address, payment=payment, note=note)

    return make


def buy_some(category: str, quantity: int, *, voucher: str, delivery: str) -> _Maker:
    """Have several of the best rated product of a category bought, with a voucher."""

    def make(shop: Shop) -> Errand:
        best = max(_in_stock(shop, category), key=lambda product: product.rating)
        goal = (
            f"Buy {quantity} pieces of the best rated {_NOUNS[category]} that is in stock, with the voucher that the "
            f"start page tells of."
        )
        return _bought(shop, goal, {best.slug: quantity}, delivery=delivery, voucher=voucher)

    return make


def buy_again(*, delivery: str) -> _Maker:
    """Have the oldest order bought again."""

    def make(shop: Shop) -> Errand:
        oldest = shop.orders[-1]
        goal = f"Buy once more exactly what you bought in order {oldest.number}."
        return _bought(shop, goal, oldest.quantities, delivery=delivery)

    return make


def _bought(
    shop: Shop,
    goal: str,
    wanted: dict[str, int],
    *,
    address: Address | None = None,
    delivery: str = "",
    payment: str = "",
    voucher: str = "",
    note: str = "",
) -> Errand:
    known = {order.number for order in shop.orders}

    def check(name: str, is_so: Callable[[Order], bool]) -> Check:
        def is_met(shop: Shop, answer: str) -> bool:
            new = [order for order in shop.orders if order.number not in known and order.status != "cancelled"]
            return bool(new) and is_so(new[0])

        return Check(name, is_met)

    checks = [
        check("an order was placed", lambda order: True),
        check("it has the right products, and no others", lambda order: order.quantities == wanted),
    ]
    if address is not None:
        goal += f" Have it sent to {address.name}, {address.street}, {address.postcode} {address.city}."
        checks.append(check("it goes to the right address", lambda order: order.address == address))
    if delivery:
        goal += f" Choose {DELIVERIES[delivery][0].lower()}."
        checks.append(check("the delivery is right", lambda order: order.delivery == delivery))
    if payment:
        goal += f" Pay by {PAYMENTS[payment].lower()}."
        checks.append(check("the payment is right", lambda order: order.payment == payment))
    if voucher:
        checks.append(check("the voucher was used", lambda order: order.voucher == voucher))
    if note:
        goal += f" Leave the courier this note: {note}"
        checks.append(check("the courier has the note", lambda order: order.note.rstrip(".") == note))
    return Errand(goal, tuple(checks), frozenset({"cart", "orders"}))


def cancel_order() -> _Maker:
    """Have the order cancelled that is not on its way."""

    def make(shop: Shop) -> Errand:
        [number] = [order.number for order in shop.orders if order.status == "processing"]
        check = Check("the order was cancelled", lambda shop, answer: shop.order(str(number)).status == "cancelled")
        return Errand("Cancel the order that has not been shipped yet.", (check,), frozenset({"cancelled orders"}))

    return make


# -- the cart ----------------------------------------------------------------------------------------------------------


def remove_from_cart(category: str) -> _Maker:
    """Have a product taken out of a full cart."""

    def make(shop: Shop) -> Errand:
        removed = _fill_cart(shop, category)
        others = {slug: quantity for slug, quantity in shop.cart.items() if slug != removed.slug}
        return Errand(
            f"Remove the {_NOUNS[category]} from the cart, and leave everything else in it.",
            (Check("the cart has the rest, and no more", lambda shop, answer: shop.cart == others),),
            frozenset({"cart"}),
        )

    return make


def change_quantity(category: str, quantity: int) -> _Maker:
    """Have the quantity of a product in a full cart changed."""

    def make(shop: Shop) -> Errand:
        changed = _fill_cart(shop, category)
        wanted = {**shop.cart, changed.slug: quantity}
        return Errand(
            f"Change the cart so that it has {quantity} pieces of the {changed.name}, and the rest as it is.",
            (Check("the cart is right", lambda shop, answer: shop.cart == wanted),),
            frozenset({"cart"}),
        )

    return make


def _fill_cart(shop: Shop, category: str) -> Product:
    """Put a product of some categories into the cart, and return that of one."""
    for each in CATEGORIES[:2] + CATEGORIES[-2:]:
        shop.put(_in_stock(shop, each.slug)[0].slug, 1)
    return _in_stock(shop, category)[0]


# -- lists and the account ---------------------------------------------------------------------------------------------


def wish_best_rated(category: str) -> _Maker:
    """Have the best rated product of a category put on the wish list."""

    def make(shop: Shop) -> Errand:
        best = max(_of(shop, category), key=lambda product: product.rating)
        return Errand(
            f"Put the best rated {_NOUNS[category]} on the wish list.",
            (Check("the wish list has it, and no more", lambda shop, answer: shop.wishes == [best.slug]),),
            frozenset({"wish list"}),
        )

    return make


def write_review(slug: str, stars: int, text: str) -> _Maker:
    """Have a review written."""

    def make(shop: Shop) -> Errand:
        def has_stars(shop: Shop, answer: str) -> bool:
            return slug in shop.written and shop.written[slug].stars == stars

        def has_text(shop: Shop, answer: str) -> bool:
            return slug in shop.written and shop.written[slug].text.rstrip(".") == text

        return Errand(
            f"Write a review of the {shop.products[slug].name}: {stars} stars, with the text “{text}”.",
            (Check("the stars are right", has_stars), Check("the text is right", has_text)),
            frozenset({"reviews"}),
        )

    return make


def change_account(phone: str, *, has_newsletter: bool) -> _Maker:
    """Have the account changed."""

    def make(shop: Shop) -> Errand:
        order = "Subscribe to" if has_newsletter else "Unsubscribe from"
        return Errand(
            f"{order} the newsletter, and change the phone number of the account to {phone}.",
            (
                Check("the phone number is right", lambda shop, answer: shop.account.phone == phone),
                Check("the newsletter is right", lambda shop, answer: shop.account.has_newsletter == has_newsletter),
            ),
            frozenset({"account"}),
        )

    return make


def _of(shop: Shop, category: str) -> list[Product]:
    return [product for product in shop.products.values() if product.category == category]


def _in_stock(shop: Shop, category: str) -> list[Product]:
    return [product for product in _of(shop, category) if product.stock]
