from __future__ import annotations

import asyncio
from typing import Any, Generic, TypeVar

import pytest

from openenv.core._generics import is_subclass, type_arguments
from openenv.core.utils import convert_to_ws_url, is_loopback, run_async_safely

T = TypeVar("T")
U = TypeVar("U")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://h:1", "ws://h:1"),
        ("https://h/", "wss://h"),
        ("HTTP://h/a/b/", "ws://h/a/b"),
        ("ws://h", "ws://h"),
        ("wss://h//", "wss://h"),
        ("h:80", "ws://h:80"),
        ("h", "ws://h"),
        ("http", "ws://http"),
        ("http://[::1]:8000", "ws://[::1]:8000"),
    ],
)
def test_addresses_become_those_of_websockets(url: str, expected: str) -> None:
    assert convert_to_ws_url(url) == expected


@pytest.mark.parametrize("url", ["http:/h:1", "http//h:1", "https:"])
def test_an_address_whose_scheme_is_cut_short_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="expected :// after"):
        convert_to_ws_url(url)


def test_an_address_of_another_scheme_is_refused() -> None:
    with pytest.raises(ValueError, match="expected an http, https, ws or wss address, got 'ftp://h'"):
        convert_to_ws_url("ftp://h")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://localhost:1", True),
        ("ws://127.0.0.1/ws", True),
        ("ws://127.8.8.8", True),
        ("http://[::1]:8000", True),
        ("http://0.0.0.0:8000", True),
        ("http://[::]:8000", True),
        ("http://example.com", False),
        ("http://127.example.com", False),
        ("http://10.0.0.1", False),
    ],
)
def test_addresses_of_this_machine(url: str, expected: bool) -> None:
    assert is_loopback(url) is expected


async def answer() -> int:
    await asyncio.sleep(0)
    return 42


async def fail() -> None:
    raise KeyError("inside")


def test_a_coroutine_runs_with_and_without_a_loop() -> None:
    async def inside() -> int:
        return run_async_safely(answer())

    assert run_async_safely(answer()) == 42
    assert asyncio.run(inside()) == 42


def test_what_a_coroutine_raises_is_raised() -> None:
    async def inside() -> None:
        run_async_safely(fail())

    with pytest.raises(KeyError, match="inside"):
        run_async_safely(fail())
    with pytest.raises(KeyError, match="inside"):
        asyncio.run(inside())


class Base(Generic[T, U]):
    pass


class Both(Base[int, str]):
    pass


class Half(Base[int, T], Generic[T]):
    pass


class Swapped(Base[U, T], Generic[T, U]):
    pass


class Bare(Base):  # type: ignore[type-arg]
    pass


class Mixin:
    pass


class Mixed(Mixin, Swapped[int, str]):
    pass


@pytest.mark.parametrize(
    ("cls", "expected"),
    [
        (Both, (int, str)),
        (type("Child", (Both,), {}), (int, str)),
        (Half, (int, T)),
        (Swapped, (U, T)),
        (Mixed, (str, int)),
        (Bare, (T, U)),
    ],
)
def test_type_arguments_are_found_through_the_bases(cls: type, expected: tuple[Any, ...]) -> None:
    assert type_arguments(cls, Base) == expected


def test_type_arguments_of_a_class_finished_below() -> None:
    class Finished(Half[str]):
        pass

    assert type_arguments(Finished, Base) == (int, str)


@pytest.mark.parametrize("thing", [dict[str, int], Base[int, str], "dict", None, 5, T, int | str])
def test_what_is_no_class_is_no_subclass(thing: object) -> None:
    assert is_subclass(thing, dict) is False


def test_subclasses() -> None:
    assert is_subclass(Both, Base)
    assert is_subclass(Base, Base)
    assert not is_subclass(Mixin, Base)
