"""One visitor's shop: its goods, a cart, orders, a wish list and an account."""

import random
from dataclasses import dataclass, field

from browser_env.shop.catalogue import Product, Review, make_catalogue
from browser_env.shop.orders import VOUCHERS, Address, Line, Order, Totals, totals_of

__all__ = ["MOST_OF_ONE", "Account", "RefusedError", "Shop"]

MOST_OF_ONE = 20
_MOST_REVIEWS = 20
_MOST_ORDERS = 50
_FIRST_ORDER = 20481
_HOME = Address("Robin Okafor", "12 Quay Street", "40510", "Lindhaven")
_PAST = (("delivered", "12 January"), ("shipped", "24 February"), ("processing", "28 February"))


class RefusedError(Exception):
    """The shop does not do this; the message tells the visitor why."""


@dataclass
class Account:
    """Who is signed in.

    Attributes:
        name: The customer's name.
        email: The customer's address for mail.
        phone: The customer's number.
        has_newsletter: Whether the newsletter is sent.
        address: Where parcels go by default.
    """

    name: str = "Robin Okafor"
    email: str = "robin.okafor@mail.test"
    phone: str = "0170 555 0134"
    has_newsletter: bool = True
    address: Address = _HOME


@dataclass
class Shop:
    """One visitor's shop.

    Attributes:
        seed: What its goods and past orders follow from.
        products: The goods, by their slugs.
        cart: How many of each product are in the cart, by slug.
        voucher: The voucher in the cart; empty for none.
        orders: All orders, the newest first.
        wishes: The slugs of the products on the wish list.
        written: The visitor's own reviews, by the product's slug.
        account: Who is signed in.
    """

    seed: int
    products: dict[str, Product] = field(init=False)
    cart: dict[str, int] = field(default_factory=dict)
    voucher: str = ""
    orders: list[Order] = field(default_factory=list)
    wishes: list[str] = field(default_factory=list)
    written: dict[str, Review] = field(default_factory=dict)
    account: Account = field(default_factory=Account)

    def __post_init__(self) -> None:
        """Fill the shelves, and remember past orders."""
        self.products = {product.slug: product for product in make_catalogue(self.seed)}
        chance = random.Random(f"orders {self.seed}")  # noqa: S311 - not for secrets
        for index, (status, date) in enumerate(_PAST):
            available = [product for product in self.products.values() if product.stock]
            chosen = chance.sample(available, chance.randint(1, 3))
            lines = tuple(Line(product, chance.randint(1, 2)) for product in chosen)
            order = Order(_FIRST_ORDER + 37 * index, lines, _HOME, "standard", "invoice", status=status, date=date)
            self.orders.insert(0, order)

    @property
    def lines(self) -> tuple[Line, ...]:
        """Return what is in the cart."""
        return tuple(Line(self.products[slug], quantity) for slug, quantity in self.cart.items())

    def totals(self, delivery: str = "standard") -> Totals:
        """Return what the cart costs.

        Args:
            delivery: How it would be delivered.
        """
        return totals_of(self.lines, self.voucher, delivery)

    def product(self, slug: str) -> Product:
        """Return a product.

        Raises:
            RefusedError: There is none of that name.
        """
        if slug not in self.products:
            raise RefusedError("We do not sell that.")
        return self.products[slug]

    def order(self, number: str) -> Order:
        """Return an order.

        Raises:
            RefusedError: There is none of that number.
        """
        for order in self.orders:
            if str(order.number) == number:
                return order
        raise RefusedError(f"You have no order {number[:20]}.")

    def put(self, slug: str, quantity: int) -> None:
        """Have some of a product in the cart, and no more.

        Args:
            slug: The product's.
            quantity: How many; 0 takes it out.

        Raises:
            RefusedError: There is no such product, or not as many.
        """
        product = self.product(slug)
        most = min(product.stock, MOST_OF_ONE)
        if product.stock == 0 and quantity:
            raise RefusedError(f"{product.name} is sold out.")
        if not 0 <= quantity <= most:
            raise RefusedError(f"Of {product.name} you can have up to {most}.")
        if quantity:
            self.cart[slug] = quantity
        else:
            self.cart.pop(slug, None)

    def redeem(self, code: str) -> None:
        """Use a voucher; an empty code uses none.

        Raises:
            RefusedError: There is no such voucher.
        """
        code = code.strip().upper()
        if code and code not in VOUCHERS:
            raise RefusedError(f"There is no voucher {code[:20]}.")
        self.voucher = code

    def buy(self, address: Address, delivery: str, payment: str, note: str) -> Order:
        """Buy what is in the cart, and empty it.

        Args:
            address: Where it goes.
            delivery: One of `DELIVERIES`.
            payment: One of `PAYMENTS`.
            note: For the courier.

        Raises:
            RefusedError: There is nothing in the cart, or too much was bought already.
        """
        if not self.cart:
            raise RefusedError("Your cart is empty.")
        if len(self.orders) >= _MOST_ORDERS:
            raise RefusedError("You have too many orders. Please come back tomorrow.")
        number = max(order.number for order in self.orders) + 37
        order = Order(number, self.lines, address, delivery, payment, self.voucher, note)
        self.orders.insert(0, order)
        self.cart.clear()
        self.voucher = ""
        return order

    def cancel(self, number: str) -> Order:
        """Cancel an order that is not on its way.

        Raises:
            RefusedError: There is no such order, or it is on its way.
        """
        order = self.order(number)
        if order.status != "processing":
            raise RefusedError(f"Order {order.number} is {order.status} and can no longer be cancelled.")
        order.status = "cancelled"
        return order

    def wish(self, slug: str, *, is_wished: bool) -> None:
        """Put a product on the wish list, or take it off.

        Raises:
            RefusedError: There is no such product.
        """
        product = self.product(slug)
        if is_wished and product.slug not in self.wishes:
            self.wishes.append(product.slug)
        elif not is_wished and product.slug in self.wishes:
            self.wishes.remove(product.slug)

    def write_review(self, slug: str, stars: int, text: str) -> None:
        """Write what the visitor thinks of a product; a second review of it replaces the first.

        Raises:
            RefusedError: There is no such product, or too many reviews.
        """
        product = self.product(slug)
        if slug not in self.written and len(self.written) >= _MOST_REVIEWS:
            raise RefusedError("You have written too many reviews for today.")
        self.written[product.slug] = Review(self.account.name, stars, text)
