"""What visitors are asked to do in the shop, and how it is told whether they did."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from browser_env.shop import errands
from browser_env.shop.errands import Check, Errand
from browser_env.shop.orders import Address
from browser_env.shop.shop import Shop

__all__ = ["MOST_STEPS", "ShopTask", "find_task", "splits", "task_ids"]

MOST_STEPS = 30

_Maker = Callable[[Shop], Errand]
_JONAS = Address("Jonas Weber", "3 Mill Lane", "20331", "Altmark")
_AMARA = Address("Amara Diallo", "88 Orchard Road", "73012", "Brackwater")

_TASKS: dict[str, tuple[_Maker, ...]] = {
    "train": (
        errands.ask_rating("tide-mug"),
        errands.buy_cheapest("mugs", "blue", payment="invoice"),
        errands.remove_from_cart("lamps"),
        errands.wish_best_rated("lamps"),
        errands.cancel_order(),
        errands.change_account("0171 555 0199", has_newsletter=False),
        errands.ask_reviewer("ferry-backpack", is_best=False),
        errands.buy_some("notebooks", 3, voucher="HARBOUR10", delivery="express"),
        errands.ask_how_many("mugs", below_euros=15),
        errands.change_quantity("plant-pots", 4),
        errands.ask_fastest("backpacks"),
        errands.write_review("hearth-blanket", 4, "Warm and soft"),
        errands.ask_order_total(),
        errands.buy_cheapest("blankets", "white", address=_JONAS, note="Please ring twice"),
    ),
    "test": (
        errands.ask_rating("lantern-lamp"),
        errands.buy_cheapest("plant-pots", "yellow", address=_AMARA, payment="transfer"),
        errands.wish_best_rated("blankets"),
        errands.ask_reviewer("glasshouse-plant-pot", is_best=True),
        errands.buy_again(delivery="express"),
        errands.ask_dearest("backpacks"),
        errands.ask_how_many("notebooks", below_euros=12),
    ),
}


@dataclass
class ShopTask:
    """A task in a visitor's shop.

    Attributes:
        id: Its name.
        shop: The shop, as it is now.
        goal: What is asked for.
        checks: What has to be true at the end.
    """

    id: str
    shop: Shop
    goal: str
    checks: tuple[Check, ...]
    _changes: frozenset[str]
    _before: dict[str, Any] = field(repr=False)

    def outcome(self, answer: str) -> dict[str, bool]:
        """Return what was asked for, and whether it is so.

        Args:
            answer: What the visitor answers.
        """
        return {check.name: check.is_met(self.shop, answer) for check in self.checks}

    def harm(self) -> list[str]:
        """Return what was changed that nobody asked for."""
        now = _look(self.shop)
        changed = [what for what, before in self._before.items() if what not in self._changes and now[what] != before]
        many = len(now["orders"]) > len(self._before["orders"]) + 1
        return [f"changed: {what}" for what in changed] + ["more than one order was placed"] * many


def splits() -> list[str]:
    """Return the names of the splits."""
    return list(_TASKS)


def task_ids(split: str) -> list[str]:
    """Return the names of a split's tasks.

    Args:
        split: One that `splits` names.
    """
    return [f"{split}-{index}" for index in range(len(_TASKS[split]))]


def find_task(name: str, seed: int) -> ShopTask:
    """Return a task in a new shop.

    Args:
        name: The task's name.
        seed: What the shop's goods follow from, and with them what is asked for.

    Raises:
        ValueError: There is no such task.
    """
    split, _, index = name.partition("-")
    if split not in _TASKS or name not in task_ids(split):
        raise ValueError(f"expected task as one that list_tasks has, with its id, such as 'train-0'; got {name!r}")
    shop = Shop(seed)
    errand = _TASKS[split][int(index)](shop)
    return ShopTask(name, shop, errand.goal, errand.checks, errand.changes, _look(shop))


def _look(shop: Shop) -> dict[str, Any]:
    account = shop.account
    return {
        "cart": dict(shop.cart),
        "orders": [order.number for order in shop.orders],
        "cancelled orders": [order.number for order in shop.orders if order.status == "cancelled"],
        "wish list": list(shop.wishes),
        "reviews": dict(shop.written),
        "account": (account.email, account.phone, account.has_newsletter),
    }
