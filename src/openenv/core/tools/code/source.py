"""A piece of Python as it was written: compiled, its last expression kept, and its errors told by its own lines."""

from __future__ import annotations

import ast
import dis
import linecache
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from types import CodeType

__all__ = ["Source"]

_VALUE = "__openenv_value__"
_RESULT = "result"
_FILENAME = "<code "
_STORES = {"STORE_NAME", "STORE_GLOBAL"}
_numbers = count(1)


@dataclass(frozen=True)
class Source:
    """Code that compiles.

    Attributes:
        code: What to run.
        filename: What it is called in tracebacks.
        sets_result: Whether it sets a variable `result`, which is its value then.
    """

    code: CodeType
    filename: str
    sets_result: bool

    @classmethod
    def of(cls, text: str, tree_of: Callable[[str, str], ast.Module] = ast.parse) -> Source:
        """Compile code, in which `await` may stand outside functions.

        Args:
            text: The code.
            tree_of: What makes its tree, given a name for errors too. Interpreters that have this module alone, without
                its package, run one thread.

        Raises:
            SyntaxError: It is not Python.
            ValueError: It holds what no source may.
            RecursionError: It is nested too deep.
        """
        filename = f"{_FILENAME}{next(_numbers)}>"
        tree = tree_of(text, filename)
        last = tree.body[-1] if tree.body else None
        if isinstance(last, ast.Expr):
            kept = ast.Assign(targets=[ast.Name(_VALUE, ast.Store())], value=last.value)
            tree.body[-1] = ast.fix_missing_locations(ast.copy_location(kept, last))
        code = compile(tree, filename, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
        stored = {step.argval for step in dis.get_instructions(code) if step.opname in _STORES}
        # So that tracebacks have lines.
        linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
        return cls(code, filename, _RESULT in stored)

    def value_in(self, namespace: dict[str, object]) -> object:
        """Return what the code gave: `result` where it sets that, else its last expression."""
        value = namespace.pop(_VALUE, None)
        return namespace.get(_RESULT) if self.sets_result else value

    def told(self, error: BaseException, instead: str | None = None) -> str:
        """Return the traceback of an error, in which only lines of such code are seen.

        Args:
            error: The error.
            instead: What its last line says, where that is not the error's own.
        """
        kept = [row for row in traceback.extract_tb(error.__traceback__) if row.filename.startswith(_FILENAME)]
        head = ["Traceback (most recent call last):\n", *traceback.format_list(kept)] if kept else []
        last = traceback.format_exception_only(type(error), error) if instead is None else [f"{instead}\n"]
        return "".join([*head, *last])

    def forget(self) -> None:
        """Let go of the lines."""
        linecache.cache.pop(self.filename, None)
