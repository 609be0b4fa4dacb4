"""Source code of Python as a tree."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from openenv._syntax import tree_of

_TEXT = "\n".join(f"a{number} = [{number}, (b + {number}) * 2]" for number in range(100))


@pytest.fixture
def interrupted_often() -> Iterator[None]:
    """Have threads take turns in the middle of what they build."""

    def give_way(phase: str, info: dict[str, int]) -> None:
        time.sleep(0)

    thresholds = gc.get_threshold()
    gc.callbacks.append(give_way)
    gc.set_threshold(50)
    yield
    gc.set_threshold(*thresholds)
    gc.callbacks.remove(give_way)


@pytest.mark.usefixtures("interrupted_often")
def test_threads_read_code_at_the_same_time() -> None:
    failed: list[Exception] = []

    def read() -> None:
        try:
            for _ in range(5):
                assert len(tree_of(_TEXT).body) == 100
        except Exception as exc:  # noqa: BLE001 - told by the test
            failed.append(exc)

    def deeper(levels: int, then: Callable[[], None]) -> None:
        if levels:
            deeper(levels - 1, then)
        else:
            then()

    threads = [threading.Thread(target=deeper, args=(10 * number, read)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []


def test_what_is_no_python_is_told_by_its_file() -> None:
    with pytest.raises(SyntaxError) as caught:
        tree_of("def (", "<code 3>")
    assert caught.value.filename == "<code 3>"
