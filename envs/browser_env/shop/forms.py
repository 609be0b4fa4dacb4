"""What visitors fill in, and what is wrong with it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from browser_env.shop.orders import DELIVERIES, PAYMENTS, Address

__all__ = ["CheckoutForm", "ReviewForm", "account_errors", "read_quantity"]

_MOST_LETTERS = 80
_MOST_NOTE = 200
_POSTCODE = re.compile(r"[0-9]{5}", re.ASCII)
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_PHONE = re.compile(r"\+?[0-9][0-9 /-]{5,19}", re.ASCII)


@dataclass(frozen=True)
class CheckoutForm:
    """The form of the checkout, as it was filled in.

    Attributes:
        address: Where the parcel goes.
        delivery: How it goes.
        payment: How it is paid; empty where none was chosen.
        note: For the courier.
        has_agreed: Whether the terms were agreed to.
    """

    address: Address
    delivery: str = "standard"
    payment: str = ""
    note: str = ""
    has_agreed: bool = False

    @classmethod
    def filled_in(cls, form: Mapping[str, str]) -> "CheckoutForm":
        """Return what was sent.

        Args:
            form: Its fields.
        """
        name, street, postcode, city = (form.get(key, "").strip() for key in ("name", "street", "postcode", "city"))
        return cls(
            address=Address(name, street, postcode, city),
            delivery=form.get("delivery", ""),
            payment=form.get("payment", ""),
            note=form.get("note", "").strip(),
            has_agreed="terms" in form,
        )

    def errors(self) -> dict[str, str]:
        """Return what is wrong, by field."""
        wrong = {
            "name": _text_error(self.address.name, "Please enter a name."),
            "street": _text_error(self.address.street, "Please enter a street and number."),
            "postcode": "" if _POSTCODE.fullmatch(self.address.postcode) else "A postcode has five digits.",
            "city": _text_error(self.address.city, "Please enter a city."),
            "delivery": "" if self.delivery in DELIVERIES else "Please choose a delivery.",
            "payment": "" if self.payment in PAYMENTS else "Please choose how to pay.",
            "note": f"A note has up to {_MOST_NOTE} letters." if len(self.note) > _MOST_NOTE else "",
            "terms": "" if self.has_agreed else "Please agree to the terms.",
        }
        return {name: error for name, error in wrong.items() if error}


@dataclass(frozen=True)
class ReviewForm:
    """The form of a review, as it was filled in.

    Attributes:
        stars: From 1 to 5; 0 where none were given.
        text: What was written.
    """

    stars: int
    text: str

    @classmethod
    def filled_in(cls, form: Mapping[str, str]) -> "ReviewForm":
        """Return what was sent.

        Args:
            form: Its fields.
        """
        stars = form.get("stars", "")
        return cls(int(stars) if stars in {"1", "2", "3", "4", "5"} else 0, form.get("text", "").strip()[:1000])

    def error(self) -> str:
        """Return what is wrong; empty if nothing is."""
        if not self.stars:
            return "Please choose from 1 to 5 stars."
        return "" if len(self.text) >= 3 else "Please write a few words."


def account_errors(form: Mapping[str, str]) -> dict[str, str]:
    """Return what is wrong with the form of an account, by field.

    Args:
        form: Its fields.
    """
    wrong = {
        "email": "" if _EMAIL.fullmatch(form.get("email", "").strip()[:100]) else "Please enter a mail address.",
        "phone": "" if _PHONE.fullmatch(form.get("phone", "").strip()) else "Please enter a phone number.",
    }
    return {name: error for name, error in wrong.items() if error}


def read_quantity(form: Mapping[str, str]) -> int | None:
    """Return how many somebody wants; `None` where that is no number.

    Args:
        form: The form's fields.
    """
    text = form.get("quantity", "").strip()
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 5 else None


def _text_error(text: str, error: str) -> str:
    if len(text) > _MOST_LETTERS:
        return f"That is longer than {_MOST_LETTERS} letters."
    return "" if text else error
