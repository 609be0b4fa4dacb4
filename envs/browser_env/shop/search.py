"""Finding goods: by words, filters and order."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from browser_env.shop.catalogue import CATEGORIES, COLOURS, Product

__all__ = ["ORDERS", "PAGE_SIZE", "Search"]

PAGE_SIZE = 12

# What each order is called, what it sorts by, and whether the greatest comes first.
ORDERS: dict[str, tuple[str, Callable[[Product], Any] | None, bool]] = {
    "": ("Featured", None, False),
    "cheap": ("Price: low to high", lambda product: product.cents, False),
    "dear": ("Price: high to low", lambda product: product.cents, True),
    "rated": ("Best rated", lambda product: product.rating, True),
    "quick": ("Fastest delivery", lambda product: product.days, False),
}
_CATEGORIES = {category.slug: category.name for category in CATEGORIES}


@dataclass(frozen=True)
class Search:
    """What somebody looks for. What a field says that makes no sense is passed over.

    Attributes:
        words: Words that the products have, all of them.
        category: A category's slug, or empty for all.
        colour: A colour, or empty for all.
        most: The highest price, in whole euros as it was typed; empty for any.
        in_stock: Whether what is sold out is left out.
        order: One of `ORDERS`.
        page: Which page of what was found, from 1.
    """

    words: str = ""
    category: str = ""
    colour: str = ""
    most: str = ""
    in_stock: bool = False
    order: str = ""
    page: int = 1

    @classmethod
    def asked_by(cls, query: Mapping[str, str]) -> "Search":
        """Return what the query of an address asks for.

        Args:
            query: Its fields.
        """
        page = query.get("page", "")
        return cls(
            words=query.get("q", "").strip()[:100],
            category=query.get("category", "") if query.get("category") in _CATEGORIES else "",
            colour=query.get("colour", "") if query.get("colour") in COLOURS else "",
            most=query.get("most", "") if _is_price(query.get("most", "")) else "",
            in_stock="in_stock" in query,
            order=query.get("order", "") if query.get("order") in ORDERS else "",
            page=int(page) if page.isdecimal() and 0 < int(page[:4]) < 1000 else 1,
        )

    @property
    def title(self) -> str:
        """Return what the page of what was found is called."""
        if self.words:
            return f"Results for “{self.words}”"
        return _CATEGORIES.get(self.category, "All products")

    def found(self, products: Iterable[Product]) -> list[Product]:
        """Return those of some products that it finds, in order.

        Args:
            products: The products.
        """
        found = [product for product in products if self._fits(product)]
        _, key, is_falling = ORDERS[self.order]
        return found if key is None else sorted(found, key=key, reverse=is_falling)

    def _fits(self, product: Product) -> bool:
        text = f"{product.name} {_CATEGORIES[product.category]} {product.colour} {product.material}".lower()
        return (
            all(word in text for word in self.words.lower().split())
            and self.category in ("", product.category)
            and self.colour in ("", product.colour)
            and (not self.most or product.cents <= float(self.most) * 100)
            and (product.stock > 0 or not self.in_stock)
        )


def _is_price(text: str) -> bool:
    return len(text) < 10 and text.replace(".", "", 1).isdecimal()
