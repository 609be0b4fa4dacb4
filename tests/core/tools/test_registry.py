from __future__ import annotations

import gc
import weakref
from typing import Any

import pydantic
import pytest

from openenv.core.exceptions import ConfigurationError
from openenv.core.tools import find_tool, tool, tools_of


class Room:
    class Key(pydantic.BaseModel):
        teeth: int

    def __init__(self) -> None:
        self.lit = False

    @tool
    def look(self) -> str:
        """See what is there.

        Args:
            unused: Nothing.
        """
        return "lit" if self.lit else "dark"

    @tool
    def light(self, on: bool = True) -> None:
        """Switch the light.

        Args:
            on: Whether it shines.
        """
        self.lit = on

    @tool
    async def unlock(self, key: Key) -> int:
        return key.teeth

    def helper(self) -> None: ...


class Cellar(Room):
    @tool
    def dig(self) -> str:
        return "earth"

    def light(self, on: bool = True, watts: int = 40) -> None:
        self.lit = on and watts > 0


def test_tools_are_the_marked_methods_in_order() -> None:
    assert list(tools_of(Room)) == ["look", "light", "unlock"]


def test_an_environment_without_tools_has_none() -> None:
    assert tools_of(object()) == {}


def test_a_bound_tool_calls_its_environment_and_no_other() -> None:
    first, second = Room(), Room()
    tools_of(first)["light"](on=True)
    assert (first.lit, second.lit) == (True, False)
    assert tools_of(first)["look"]() == "lit"


def test_arguments_are_validated_by_the_tool() -> None:
    assert tools_of(Room())["unlock"].validate({"key": {"teeth": 3}}) == {"key": Room.Key(teeth=3)}


def test_coroutine_functions_are_told_apart() -> None:
    assert {name: bound.is_async for name, bound in tools_of(Room).items()} == {
        "look": False,
        "light": False,
        "unlock": True,
    }


def test_a_subclass_adds_its_tools_after_its_base() -> None:
    assert list(tools_of(Cellar)) == ["look", "light", "unlock", "dig"]


def test_a_method_overridden_without_the_decorator_stays_a_tool_with_its_own_signature() -> None:
    overridden = tools_of(Cellar)["light"].definition
    assert list(overridden.input_schema["properties"]) == ["on", "watts"]
    assert overridden.description == "Switch the light."
    assert overridden.input_schema["properties"]["on"]["description"] == "Whether it shines."
    cellar = Cellar()
    tools_of(cellar)["light"](watts=0)
    assert cellar.lit is False


def test_a_method_decorated_again_replaces_its_base() -> None:
    class Attic(Room):
        @tool(name="lamp", mode="production")
        def light(self, on: bool = True) -> None:
            """Use the lamp."""

    assert list(tools_of(Attic)) == ["look", "lamp", "unlock"]
    assert tools_of(Attic)["lamp"].mode == "production"
    assert list(tools_of(Room)) == ["look", "light", "unlock"]


def test_none_withdraws_a_tool() -> None:
    class Bare(Room):
        look = None  # type: ignore[assignment]

    class Furnished(Bare):
        @tool
        def look(self) -> str:  # type: ignore[override]
            return "a chair"

    assert list(tools_of(Bare)) == ["light", "unlock"]
    assert tools_of(Furnished())["look"]() == "a chair"


def test_the_method_resolution_order_decides() -> None:
    class Loud:
        @tool
        def look(self) -> str:
            """Look, and say it."""
            return "LIT"

    class Both(Loud, Room): ...

    assert tools_of(Both())["look"]() == "LIT"
    assert tools_of(Both)["look"].definition.description == "Look, and say it."


def test_an_override_that_cannot_be_a_tool_is_refused() -> None:
    class Bad(Room):
        def look(self, *args: Any) -> str:
            return ""

    with pytest.raises(ConfigurationError, match="'args'"):
        tools_of(Bad)


def test_a_property_is_no_tool() -> None:
    class Bad:
        @property
        @tool
        def size(self) -> int:
            return 1

    with pytest.raises(ConfigurationError, match=r"Bad.size cannot be a tool: it is a property"):
        tools_of(Bad)


def test_static_and_class_methods_may_be_tools() -> None:
    class Sums:
        @tool
        @staticmethod
        def add(a: int, b: int) -> int:
            return a + b

        @staticmethod
        @tool
        def sub(a: int, b: int) -> int:
            return a - b

        @classmethod
        @tool
        def who(cls, suffix: str = "") -> str:
            return cls.__name__ + suffix

    for owner in (Sums, Sums()):
        tools = tools_of(owner)
        assert list(tools["add"].definition.input_schema["properties"]) == ["a", "b"]
        assert (tools["add"](a=1, b=2), tools["sub"](a=1, b=2)) == (3, -1)
        assert list(tools["who"].definition.input_schema["properties"]) == ["suffix"]
        assert tools["who"](suffix="!") == "Sums!"


class Modes:
    @tool
    def both(self) -> str:
        return "both"

    @tool(name="price", mode="simulation")
    def guess(self) -> str:
        return "guess"

    @tool(name="price", mode="production")
    def ask(self) -> str:
        return "ask"


def test_a_mode_leaves_out_the_tools_of_the_other() -> None:
    assert tools_of(Modes(), "simulation")["price"]() == "guess"
    assert tools_of(Modes(), "production")["price"]() == "ask"
    assert list(tools_of(Modes(), "production")) == ["both", "price"]
    assert list(tools_of(Modes())) == ["both", "price"]


def test_find_tool_gives_one_tool_of_a_mode() -> None:
    found = find_tool(Modes(), "price", "production")
    assert found is not None
    assert found() == "ask"
    assert find_tool(Modes(), "cost") is None
    assert find_tool(Cellar(), "dig", "production") is not None


def test_two_tools_of_one_name_are_refused() -> None:
    class Twice:
        @tool(name="go")
        def walk(self) -> None: ...

        @tool(name="go", mode="production")
        def run(self) -> None: ...

    with pytest.raises(ConfigurationError, match="Twice has two tools named 'go', by the methods walk and run"):
        tools_of(Twice)


def test_the_schema_is_made_once_for_a_class() -> None:
    first, second = tools_of(Room())["light"], tools_of(Room())["light"]
    assert first.definition.input_schema is second.definition.input_schema


def test_a_class_is_not_kept_alive_by_its_tools() -> None:
    class Brief:
        @tool
        def look(self, at: str) -> str:
            return at

    assert tools_of(Brief()).keys() == {"look"}
    gone = weakref.ref(Brief)
    del Brief
    gc.collect()
    assert gone() is None
