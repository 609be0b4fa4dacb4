"""What is bought, where it goes, and how it is paid."""

from dataclasses import dataclass, field

from browser_env.shop.catalogue import Product

__all__ = [
    "DELIVERIES",
    "FREE_FROM_CENTS",
    "PAYMENTS",
    "VOUCHERS",
    "Address",
    "Line",
    "Order",
    "Totals",
    "totals_of",
]

DELIVERIES = {"standard": ("Standard delivery", 490), "express": ("Express delivery", 1290)}
PAYMENTS = {"invoice": "Invoice", "card": "Card on file", "transfer": "Bank transfer"}
VOUCHERS = {"HARBOUR10": 10}
FREE_FROM_CENTS = 7500


@dataclass(frozen=True)
class Address:
    """Where a parcel goes.

    Attributes:
        name: Who gets it.
        street: The street, with the number.
        postcode: Five digits.
        city: The town.
    """

    name: str
    street: str
    postcode: str
    city: str


@dataclass(frozen=True)
class Line:
    """Some of one product.

    Attributes:
        product: The product.
        quantity: How many.
    """

    product: Product
    quantity: int

    @property
    def cents(self) -> int:
        """Return what they cost together, in cents."""
        return self.product.cents * self.quantity


@dataclass(frozen=True)
class Totals:
    """What a cart or an order costs, in cents.

    Attributes:
        goods: The goods.
        discount: What a voucher takes off.
        delivery: The delivery.
    """

    goods: int
    discount: int
    delivery: int

    @property
    def total(self) -> int:
        """Return what is to be paid."""
        return self.goods - self.discount + self.delivery


@dataclass
class Order:
    """Something that was bought.

    Attributes:
        number: The order's number.
        lines: What was bought.
        address: Where it goes.
        delivery: One of `DELIVERIES`.
        payment: One of `PAYMENTS`.
        voucher: The voucher that was used; empty for none.
        note: What was written for the courier.
        status: `processing`, `shipped`, `delivered` or `cancelled`.
        date: When it was bought.
    """

    number: int
    lines: tuple[Line, ...]
    address: Address
    delivery: str
    payment: str
    voucher: str = ""
    note: str = ""
    status: str = "processing"
    date: str = "1 March"
    totals: Totals = field(init=False)

    def __post_init__(self) -> None:
        """Add up what it costs."""
        self.totals = totals_of(self.lines, self.voucher, self.delivery)

    @property
    def quantities(self) -> dict[str, int]:
        """Return how many of each product it has, by the products' slugs."""
        return {line.product.slug: line.quantity for line in self.lines}


def totals_of(lines: tuple[Line, ...], voucher: str, delivery: str) -> Totals:
    """Return what something costs.

    Args:
        lines: The goods.
        voucher: One of `VOUCHERS`, or empty.
        delivery: One of `DELIVERIES`; the standard one is free for much.
    """
    goods = sum(line.cents for line in lines)
    discount = goods * VOUCHERS.get(voucher, 0) // 100
    cost = DELIVERIES[delivery][1]
    is_free = not lines or (delivery == "standard" and goods - discount >= FREE_FROM_CENTS)
    return Totals(goods, discount, 0 if is_free else cost)
