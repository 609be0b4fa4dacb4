"""What the shop sells: the same for the same seed."""

import random
from dataclasses import dataclass

__all__ = ["CATEGORIES", "COLOURS", "Category", "Product", "Review", "make_catalogue"]

COLOURS = {
    "blue": "#3f6fb5",
    "green": "#4f8a5b",
    "red": "#c4513f",
    "yellow": "#e0b23c",
    "white": "#eceae4",
    "black": "#3a3a40",
}


@dataclass(frozen=True)
class Category:
    """A kind of goods.

    Attributes:
        slug: Its name in addresses.
        name: Its name.
        noun: What one of it is called.
        materials: What it may be made of.
        cents: The lowest and the highest price, in cents.
        lines: The products: a name and a colour each.
    """

    slug: str
    name: str
    noun: str
    materials: tuple[str, ...]
    cents: tuple[int, int]
    lines: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Review:
    """What a customer says of a product.

    Attributes:
        author: Who says it.
        stars: From 1 to 5.
        text: What is said.
    """

    author: str
    stars: int
    text: str


@dataclass(frozen=True)
class Product:
    """Something to buy.

    Attributes:
        slug: Its name in addresses.
        name: Its name, which no other has.
        category: The category's slug.
        colour: One of `COLOURS`.
        material: What it is made of.
        cents: Its price, in cents; no other of its category has the same.
        rating: The mean of its ratings; no other of its category has the same.
        ratings: How many there are.
        stock: How many can be bought.
        days: Days until it is delivered.
        reviews: What customers say, with no two numbers of stars alike.
    """

    slug: str
    name: str
    category: str
    colour: str
    material: str
    cents: int
    rating: float
    ratings: int
    stock: int
    days: int
    reviews: tuple[Review, ...]


CATEGORIES = (
    Category(
        "mugs",
        "Mugs",
        "Mug",
        ("stoneware", "porcelain", "enamel"),
        (690, 2490),
        (
            ("Harbour", "blue"),
            ("Meadow", "green"),
            ("Tide", "blue"),
            ("Ember", "red"),
            ("Chalk", "white"),
            ("Skylark", "blue"),
            ("Quarry", "black"),
        ),
    ),
    Category(
        "lamps",
        "Lamps",
        "Lamp",
        ("brass", "steel", "oak"),
        (2900, 14900),
        (
            ("Beacon", "yellow"),
            ("Pier", "black"),
            ("Dune", "white"),
            ("Lantern", "red"),
            ("Cove", "black"),
            ("Signal", "green"),
        ),
    ),
    Category(
        "notebooks",
        "Notebooks",
        "Notebook",
        ("linen", "recycled paper", "leather"),
        (450, 2950),
        (
            ("Logbook", "red"),
            ("Ledger", "black"),
            ("Field", "green"),
            ("Atlas", "blue"),
            ("Margin", "red"),
            ("Draft", "white"),
        ),
    ),
    Category(
        "backpacks",
        "Backpacks",
        "Backpack",
        ("canvas", "wool felt", "recycled nylon"),
        (4900, 18900),
        (
            ("Ridge", "green"),
            ("Ferry", "blue"),
            ("Trail", "black"),
            ("Summit", "red"),
            ("Porter", "black"),
            ("Rover", "green"),
        ),
    ),
    Category(
        "blankets",
        "Blankets",
        "Blanket",
        ("wool", "cotton", "linen"),
        (3400, 12900),
        (
            ("Hearth", "red"),
            ("Frost", "white"),
            ("Fjord", "blue"),
            ("Saffron", "yellow"),
            ("Moss", "green"),
            ("Snowdrift", "white"),
        ),
    ),
    Category(
        "plant-pots",
        "Plant pots",
        "Plant pot",
        ("terracotta", "stoneware", "concrete"),
        (590, 4490),
        (
            ("Terrace", "red"),
            ("Fern", "green"),
            ("Orangery", "yellow"),
            ("Glasshouse", "white"),
            ("Courtyard", "yellow"),
            ("Basalt", "black"),
        ),
    ),
)

_AUTHORS = ("Amara", "Bo", "Chidi", "Dagny", "Elif", "Farid", "Greta", "Hiro", "Ines", "Jonas", "Kaya", "Lior")
_SAID = {
    1: ("It arrived broken, and the second one did too.", "Nothing like the picture. I sent it back."),
    2: ("Smaller than I thought.", "The colour is off, and it feels thin."),
    3: ("It does what it should, no more.", "Fine for the price."),
    4: ("Well made. Delivery took a while.", "Very nice, if a little heavy."),
    5: ("I use it every day. I would buy it again.", "A present that was loved at once."),
}


def make_catalogue(seed: int) -> tuple[Product, ...]:
    """Return the goods.

    Args:
        seed: What prices, ratings, stock and reviews follow from.
    """
    chance = random.Random(f"catalogue {seed}")  # noqa: S311 - not for secrets
    return tuple(product for category in CATEGORIES for product in _products(category, chance))


def _products(category: Category, chance: random.Random) -> list[Product]:
    count = len(category.lines)
    low, high = category.cents
    prices = chance.sample(range(low, high, 10), count)
    ratings = chance.sample(range(28, 50), count)
    days = chance.sample(range(1, 10), count)
    sold_out = chance.randrange(count)
    return [
        Product(
            slug=f"{line}-{category.noun}".lower().replace(" ", "-"),
            name=f"{line} {category.noun}",
            category=category.slug,
            colour=colour,
            material=chance.choice(category.materials),
            cents=prices[index],
            rating=ratings[index] / 10,
            ratings=chance.randint(12, 480),
            stock=0 if index == sold_out else chance.randint(5, 40),
            days=days[index],
            reviews=_reviews(chance),
        )
        for index, (line, colour) in enumerate(category.lines)
    ]


def _reviews(chance: random.Random) -> tuple[Review, ...]:
    count = chance.randint(2, 4)
    authors = chance.sample(_AUTHORS, count)
    stars = chance.sample(range(1, 6), count)
    return tuple(
        Review(author, number, chance.choice(_SAID[number])) for author, number in zip(authors, stars, strict=True)
    )
