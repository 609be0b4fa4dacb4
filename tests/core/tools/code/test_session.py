"""Code that an environment runs: its namespace, its tools, its deadline, and what is told of it."""

from __future__ import annotations

import asyncio
import copy
import gc
import pickle
import sys
import threading
import time
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from openenv.core import Environment, Observation, State
from openenv.core.env_server.types import Action, CodeObservation
from openenv.core.exceptions import SessionBusyError
from openenv.core.tools import tool
from openenv.core.wire.codec import decode, encode_observation
from tests.core.worlds import eventually


class Bench(Environment[Action, Observation, State]):
    """Counts what its tools are given, and notes on which threads they run."""

    def __init__(self) -> None:
        self.total = 0
        self.threads: set[int] = set()
        self.entered = threading.Event()

    @tool
    def add(self, amount: int, times: int = 1) -> int:
        """Add an amount."""
        self.threads.add(threading.get_ident())
        self.total += amount * times
        return self.total

    @tool
    async def add_later(self, amount: int) -> int:
        """Add an amount after a turn of the loop."""
        await asyncio.sleep(0)
        self.total += amount
        return self.total

    @tool
    def fail(self) -> None:
        """Raise."""
        raise LookupError("nothing there")

    @tool
    def enter(self) -> None:
        """Tell that the code has come this far."""
        self.entered.set()

    @tool(name="a-b.c")
    def odd(self) -> str:
        """Have a name that is none in Python."""
        return "odd"

    @tool(name="import")
    def keyword(self) -> str:
        """Have a name that Python keeps for itself."""
        return "keyword"

    @tool
    def nest(self) -> Any:
        """Run code in code."""
        return self.execute_code("1")

    def reset(self, seed: int | None = None, episode_id: str | None = None) -> Observation:
        return Observation()

    def step(self, action: Action, timeout_s: float | None = None) -> Observation:
        return Observation()

    @property
    def state(self) -> State:
        return State()


@pytest.fixture
def bench() -> Bench:
    return Bench()


def _error(observation: CodeObservation) -> tuple[str, str]:
    assert observation.error is not None
    assert observation.metadata == {"error": observation.error.message}
    assert observation.outcome.exit_code == 1
    return observation.error.type, observation.error.message


def test_tools_are_functions_by_name(bench: Bench) -> None:
    functions = bench.get_callables()
    assert list(functions) == ["add", "add_later", "fail", "enter", "a-b.c", "import", "nest"]
    assert functions["add"](2, times=3) == 6
    assert asyncio.run(functions["add_later"](1)) == 7


@pytest.mark.parametrize(
    ("code", "result"),
    [
        ("add(2)", 2),
        ("result = add(2)\nprint(result)", 2),
        ("for result in range(3): pass", 2),
        ("x = add(2)", None),
        ("x = add(2); x + 1", 3),
        ("await add_later(5)", 5),
        ("result = add_later(5)", 5),
        ("import asyncio\nasyncio.run(add_later(5))", 5),
        ("a_b_c() + import_()", "oddkeyword"),
        ("import asyncio\nsum(await asyncio.gather(add_later(1), add_later(1)))", 3),
        ("def f(n):\n    return add(n)\nf(4)", 4),
        ("", None),
        ("'a docstring'", "a docstring"),
        ("__name__ == '__main__'", True),
        ("import sys\nsys.exit()", None),
    ],
)
def test_code_gives_its_result_or_its_last_expression(bench: Bench, code: str, result: Any) -> None:
    observation = bench.execute_code(code)
    assert observation.error is None
    assert observation.result == observation.value == result
    assert observation.metadata == {"result": result}
    assert (observation.reward, observation.done) == (0.0, False)


def test_names_stay_and_tools_come_back_where_they_were_covered(bench: Bench) -> None:
    bench.execute_code("import math\nadd = 5\ndef half(n):\n    return n / 2")
    assert bench.execute_code("half(add) + math.floor(1.5)").result == 3.5
    assert bench.execute_code("del add").error is None
    assert bench.execute_code("add(1)").result == 1


def test_what_is_printed_is_kept_apart(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    code = "import sys, pprint\nprint('out')\npprint.pprint([1])\nprint('err', file=sys.stderr)\n1 / 0"
    observation = bench.execute_code(code)
    assert observation.stdout == "out\n[1]\n"
    assert observation.stderr == "err\n"
    assert observation.outcome.stderr.startswith("err\nTraceback (most recent call last):\n")
    sys.stdout.write("mine\n")
    assert capsys.readouterr() == ("mine\n", "")


def test_code_of_many_environments_prints_apart() -> None:
    benches, before = [Bench() for _ in range(4)], sys.stdout
    code = "import time\nfor _ in range(50):\n    print({0})\n    time.sleep(0)"
    printed: dict[int, str] = {}

    def run(number: int) -> None:
        printed[number] = benches[number].execute_code(code.format(number)).stdout

    threads = [threading.Thread(target=run, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert printed == {number: f"{number}\n" * 50 for number in range(4)}
    assert sys.stdout is before


def test_more_output_than_there_is_room_for_is_cut(bench: Bench) -> None:
    stdout = bench.execute_code("print('x' * 1_500_000, end='')").stdout
    assert stdout.endswith("x\n[500000 more characters]\n")
    assert len(stdout) < 1_000_100


@pytest.mark.parametrize(
    ("code", "kind", "words"),
    [
        ("1 / 0", "ZeroDivisionError", "division by zero"),
        ("fail()", "LookupError", "nothing there"),
        ("def (", "SyntaxError", "Syntax error: invalid syntax (<code"),
        ("x = '\0'", "SyntaxError", "null bytes"),
        ("add('much', 'often')", "TypeError", ""),
        ("add(nothing=1)", "TypeError", "nothing"),
        ("raise SystemExit(3)", "SystemExit", "3"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt", "KeyboardInterrupt"),
        ("input('name?')", "EOFError", "nobody to answer"),
        ("nest()", "SessionBusyError", "cannot run other code"),
        ("await fail_later()", "NameError", "fail_later"),
    ],
)
def test_failures_are_told_in_fields(bench: Bench, code: str, kind: str, words: str) -> None:
    told = _error(bench.execute_code(code))
    assert told[0] == kind
    assert words in told[1]
    assert bench.execute_code("add(1)").result == 1


def test_a_traceback_shows_the_lines_of_the_code_alone(bench: Bench) -> None:
    error = bench.execute_code("def f():\n    fail()\n\nf()").error
    assert error is not None
    lines = [line for line in error.traceback.splitlines() if "^" not in line]
    assert [line.strip() for line in lines[2::2]] == ["f()", "fail()"]
    assert error.traceback.endswith("\nLookupError: nothing there\n")
    assert __file__ not in error.traceback


@pytest.mark.parametrize(
    "code",
    [
        "while True: pass",
        "import asyncio\nwhile True: await asyncio.sleep(0)",
        "import asyncio\nawait asyncio.Event().wait()",
        "while True: add(1)",
        "while True:\n    try:\n        add(1)\n    except Exception:\n        pass",
    ],
)
def test_code_that_loops_is_interrupted_and_the_session_goes_on(bench: Bench, code: str) -> None:
    bench.execute_code("kept = 7")
    # On a busy machine a thread may not have begun by then.
    for timeout_s in (0.1, 5, 60):
        observation = bench.execute_code(f"print('begun')\n{code}", timeout_s=timeout_s)
        assert _error(observation) == ("TimeoutError", f"the code did not end within {timeout_s} s")
        if observation.stdout:
            break
    assert observation.stdout == "begun\n"
    total = bench.total
    assert bench.execute_code("kept").result == 7
    assert bench.total == total


def test_code_that_cannot_be_interrupted_is_left_behind_and_told_of() -> None:
    released = threading.Event()

    class Waiting(Bench):
        @tool
        def released(self) -> Any:
            return released

    bench = Waiting()
    # Waiting inside the interpreter, as a sleep would.
    bench.execute_code("lock = released()")
    observation = bench.execute_code("lock.wait()\nadd(1)", timeout_s=0.05)
    assert "and goes on: what it waits for cannot be interrupted" in _error(observation)[1]
    with pytest.raises(SessionBusyError, match="still runs"):
        bench.execute_code("1")
    assert bench.add(1) == 1
    released.set()
    eventually(lambda: _runs(bench), "the end of the code that was left behind")
    # What it still wanted was not done.
    assert bench.total == 1


def _runs(bench: Bench) -> bool:
    try:
        return bool(bench.execute_code("2").result == 2)
    except SessionBusyError:
        return False


def test_tools_run_where_the_code_was_asked_for_and_code_on_a_thread_of_its_own(bench: Bench) -> None:
    code = "import threading\nadd(1)\nthreading.get_ident()"
    first, second = bench.execute_code(code).result, bench.execute_code(code).result
    assert bench.threads == {threading.get_ident()}
    assert first == second != threading.get_ident()


def test_a_thread_that_code_left_cannot_call_tools_after_it(bench: Bench) -> None:
    code = (
        "import threading\ngo, told = threading.Event(), []\n"
        "def later():\n    go.wait()\n    try:\n        add(1)\n    except RuntimeError as exc:\n"
        "        told.append(str(exc))\n"
        "thread = threading.Thread(target=later)\nthread.start()"
    )
    bench.execute_code(code)
    told = bench.execute_code("go.set(); thread.join(); told").value
    # The next piece runs: it is that piece's call now.
    assert told == [] or "add can be called while" in told[0]


def test_what_has_no_form_on_the_wire_is_shown(bench: Bench) -> None:
    observation = bench.execute_code("import threading\nthreading.Lock")
    assert observation.value is threading.Lock
    assert "lock" in str(observation.result)
    sent = decode(encode_observation(observation))
    assert sent["observation"]["result"] == observation.result


def test_arrays_stay_arrays(bench: Bench) -> None:
    result = bench.execute_code("import numpy\nnumpy.arange(3)").result
    assert isinstance(result, np.ndarray)
    assert result.tolist() == [0, 1, 2]


def test_an_environment_that_ran_code_is_copied_and_pickled_without_it(bench: Bench) -> None:
    bench.execute_code("kept = 1")
    bench.entered = None  # type: ignore[assignment]
    for copied in (copy.deepcopy(bench), pickle.loads(pickle.dumps(bench))):
        assert _error(copied.execute_code("kept"))[0] == "NameError"
    assert bench.execute_code("kept").result == 1


@pytest.fixture
def own_threads() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    eventually(lambda: set(threading.enumerate()) <= before, "the end of the threads")


@pytest.mark.usefixtures("own_threads")
def test_what_runs_code_ends_with_its_environment() -> None:
    bench = Bench()
    assert bench.execute_code("keep = add\nawait add_later(1)").result == 1
    gone = weakref.ref(bench)
    del bench
    gc.collect()
    assert gone() is None


def test_code_ends_before_its_deadline_where_it_can(bench: Bench) -> None:
    began = time.monotonic()
    assert bench.execute_code("add(1)", timeout_s=None).result == 1
    assert bench.execute_code("add(1)", timeout_s=3600).result == 2
    assert time.monotonic() - began < 3600
