from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from openenv.core.exceptions import ConfigurationError
from openenv.core.tools import tool, tools_of


class Desk:
    @tool
    def look(self) -> str:
        """See what is there."""
        return "a lamp"

    @tool(name="turn-on", description="Give light.", mode="simulation")
    async def turn(self, watts: int = 40) -> int:
        return watts


def test_a_marked_method_stays_an_ordinary_method() -> None:
    assert Desk().look() == "a lamp"
    assert inspect.iscoroutinefunction(Desk.turn)
    assert Desk.look.__name__ == "look"


def test_name_description_and_mode_come_from_the_decorator() -> None:
    tools = tools_of(Desk)
    assert list(tools) == ["look", "turn-on"]
    assert tools["look"].definition.description == "See what is there."
    assert tools["look"].mode is None
    assert tools["turn-on"].definition.description == "Give light."
    assert tools["turn-on"].mode == "simulation"


@pytest.mark.parametrize("reserved", ["reset", "step", "state", "close"])
def test_a_reserved_name_is_refused(reserved: str) -> None:
    def method(self: object) -> None: ...

    method.__name__ = reserved
    with pytest.raises(ConfigurationError, match=f"'{reserved}' is an operation of the session itself"):
        tool(method)


def test_a_reserved_name_stops_the_class_from_being_made() -> None:
    with pytest.raises(ConfigurationError, match="'close' is an operation"):

        class Bad:
            @tool
            def close(self) -> None: ...


def test_a_reserved_name_given_by_hand_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="reserved: close, reset, state, step"):

        class Bad:
            @tool(name="close")
            def shut(self) -> None: ...


def test_a_reserved_method_cannot_hide_behind_another_name() -> None:
    with pytest.raises(ConfigurationError, match="'step' is an operation"):

        class Bad:
            @tool(name="advance")
            def step(self) -> None: ...


@pytest.mark.parametrize("name", ["", "two words", "naïve", "a/b", "x" * 129])
def test_a_name_that_mcp_does_not_allow_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError, match="cannot be a tool's name"):
        tool(name=name)(lambda: None)


def test_the_longest_name_that_mcp_allows_is_taken() -> None:
    class Long:
        @tool(name="x" * 128)
        def run(self) -> None: ...

    assert list(tools_of(Long)) == ["x" * 128]


def test_an_unknown_mode_is_refused() -> None:
    with pytest.raises(
        ConfigurationError, match=r"unknown mode 'training'.*expected 'simulation', 'production' or None"
    ):
        tool(mode="training")(test_an_unknown_mode_is_refused)  # type: ignore[call-overload]


def _stars(self: object, *items: int) -> None: ...


def _keywords(self: object, **items: int) -> None: ...


def _positional(self: object, first: int, /) -> None: ...


@pytest.mark.parametrize(
    ("function", "argument"),
    [(_stars, "items"), (_keywords, "items"), (_positional, "first")],
    ids=["stars", "keywords", "positional"],
)
def test_arguments_that_have_no_name_of_their_own_are_refused(function: Callable[..., Any], argument: str) -> None:
    with pytest.raises(ConfigurationError, match=f"argument '{argument}' is .* name each one"):
        tool(name="odd")(function)


def _counting(self: object) -> Iterator[int]:
    yield 1


async def _counting_slowly(self: object) -> AsyncIterator[int]:
    yield 1


@pytest.mark.parametrize("function", [_counting, _counting_slowly])
def test_generators_are_refused(function: Callable[..., Any]) -> None:
    with pytest.raises(ConfigurationError, match="return a list instead"):
        tool(name="count")(function)


@pytest.mark.parametrize("thing", [3, Desk, property(lambda self: 1)], ids=["number", "class", "property"])
def test_only_functions_can_be_marked(thing: Any) -> None:
    with pytest.raises(ConfigurationError, match=f"got {type(thing).__name__}"):
        tool(thing)
