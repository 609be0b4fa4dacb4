"""What datasets evaluate of an answer: literals and formulas, where they would evaluate anything."""

from __future__ import annotations

import ast
import builtins
import importlib
import keyword
import re
from collections.abc import Callable
from typing import Any

__all__ = ["confine_evaluation", "is_formula"]

_EVALUATING = (
    "algorithmic.binary_matrix",
    "algorithmic.spiral_matrix",
    "algorithmic.string_insertion",
    "games.n_queens",
)
_PARSING = ("games.countdown", "games.puzzle24")
_NUMBER = re.compile(r"(?<!\w)(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?![\w.])")
_NAME = re.compile(r"[A-Za-z]\w*")
_OPERATORS = set("+-*/^()!, \t\r\n")
_FUNCTIONS = {"Abs", "abs", "cbrt", "erf", "exp", "ln", "log", "pi", "sign", "sinc", "sqrt", "atan2"} | {
    f"{inverse}{function}{hyperbolic}"
    for inverse in ("", "a")
    for function in ("sin", "cos", "tan", "cot", "sec", "csc")
    for hyperbolic in ("", "h")
}


def confine_evaluation() -> None:
    """Have reasoning-gym evaluate literals and formulas alone. It would run any Python that an answer holds.

    Raises:
        ImportError: There is no reasoning-gym, or its modules have other names.
    """
    for name in _EVALUATING:
        module: Any = importlib.import_module(f"reasoning_gym.{name}")
        module.eval = ast.literal_eval
    sympy: Any = importlib.import_module("sympy")
    sympy.parse_expr = confined = _confined(sympy.parse_expr)
    for name in _PARSING:
        module = importlib.import_module(f"reasoning_gym.{name}")
        module.parse_expr = confined


def _confined(parse: Callable[..., Any]) -> Callable[..., Any]:
    def parse_formula(text: str, *arguments: Any, **options: Any) -> Any:
        if not is_formula(text):
            raise ValueError(f"expected a formula of numbers, variables and functions, got {text[:100]!r}")
        return parse(text, *arguments, **options)

    return parse_formula


def is_formula(text: str) -> bool:
    """Return whether a text is of numbers, variables, known functions and operators alone.

    Args:
        text: What is to be evaluated.
    """
    if not text.isascii():
        return False
    rest = _NAME.sub(lambda found: " " if _is_known(found[0]) else "#", _NUMBER.sub(" ", text))
    return _OPERATORS.issuperset(rest)


def _is_known(name: str) -> bool:
    """Return whether a name is a function's that is known, a single letter, or what sympy makes a variable of."""
    sympy: Any = importlib.import_module("sympy")
    if len(name) == 1 or name in _FUNCTIONS:
        return True
    return not ("_" in name or keyword.iskeyword(name) or hasattr(builtins, name) or hasattr(sympy, name))
