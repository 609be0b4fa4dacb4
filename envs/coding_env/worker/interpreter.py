"""Runs a session's code in one namespace, step after step."""

from __future__ import annotations

import contextlib
import fcntl
import importlib.util
import inspect
import io
import json
import os
import random
import select
import signal
import sys
import types
from typing import Any

from .frames import HEAD_BYTES, framed, length_of

__all__ = ["main"]

_LONGEST_REPR = 10_000
# Calls that may take too long until the rest is not tried.
_MOST_ENDLESS = 3


def main(text: str) -> None:
    """Answer what the server asks on the control channel, until it closes that.

    Args:
        text: What the session was started with, as JSON.
    """
    told: dict[str, Any] = json.loads(text)
    os.set_inheritable(told["control"], False)
    module = types.ModuleType("__main__")
    module.__dict__["__builtins__"] = __builtins__
    sys.modules["__main__"] = module
    sys.argv = [""]
    if told["seed"] is not None:
        random.seed(told["seed"])
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)
    control = told["control"]
    source_class = _source_class(told["source"])
    own_pid = os.getpid()
    _write(control, {"confinement": told["means"]})
    while (asked := _read(control)) is not None:
        if "calls" in asked:
            answer: dict[str, Any] = {"values": _tested(asked["calls"], asked["timeout_s"], module.__dict__)}
        else:
            answer = _run(source_class, asked["code"], module.__dict__)
        _flush()
        if os.getpid() != own_pid:
            # The code has forked, and this is the copy.
            os._exit(answer.get("exit_code", 0))
        _write(control, answer)


def _source_class(path: str) -> Any:
    """Return the class that compiles code, of a module that is loaded without its package."""
    spec = importlib.util.spec_from_file_location("_coding_source", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no module")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module.Source


def _run(source_class: Any, text: str, namespace: dict[str, Any]) -> dict[str, Any]:
    """Run code, write the traceback of its error, and return its exit code and value."""
    source = None
    try:
        source = source_class.of(text)
        return {"exit_code": 0, "value": _shown(_value(source, namespace))}
    except SystemExit as ended:
        return _exited(ended.code)
    except BaseException as error:  # noqa: BLE001 - the boundary around the code: told to whoever asked
        with contextlib.suppress(Exception):
            sys.stderr.write(source.told(error) if source is not None else f"{type(error).__name__}: {error}\n")
        return {"exit_code": 1, "value": None}


def _value(source: Any, namespace: dict[str, Any]) -> object:
    running = eval(source.code, namespace)  # noqa: S307 - what this process is for
    if inspect.iscoroutine(running):
        _awaited(running)
    value = source.value_in(namespace)
    return _awaited(value) if inspect.iscoroutine(value) else value


def _awaited(coroutine: Any) -> object:
    # Most code awaits nothing, and need not wait for this.
    import asyncio

    return asyncio.run(coroutine)


def _shown(value: object) -> str | None:
    return None if value is None else repr(value)[:_LONGEST_REPR]


def _exited(code: object) -> dict[str, Any]:
    if code is None or isinstance(code, int):
        return {"exit_code": (code or 0) & 0xFF, "value": None}
    with contextlib.suppress(Exception):
        sys.stderr.write(f"{code}\n")
    return {"exit_code": 1, "value": None}


def _tested(calls: list[str], timeout_s: float, namespace: dict[str, Any]) -> list[str | None]:
    """Return the reprs of what calls give, as found by copies of this process that leave no trace in it.

    One copy makes all calls, unless one of them ends it or does not end: then another makes those that are left.
    """
    values: list[str | None] = []
    endless = 0
    while len(values) < len(calls) and endless < _MOST_ENDLESS:
        found, is_late = _answered_by_copy(calls[len(values) :], timeout_s, namespace)
        values += found
        endless += is_late
        if len(values) < len(calls):
            values.append(None)
    return values + [None] * (len(calls) - len(values))


def _answered_by_copy(calls: list[str], timeout_s: float, namespace: dict[str, Any]) -> tuple[list[str | None], bool]:
    """Return what the first of some calls give, and whether the one after them took too long."""
    try:
        out, into, copy = _forked()
    except OSError:
        # The code has taken all files or processes that it may have.
        return [], False
    if copy == 0:
        _answer_tests(calls, into, namespace)
    os.close(into)
    data, is_late = b"", False
    while data.count(b"\n") < len(calls) and not is_late:
        if not select.select([out], [], [], timeout_s)[0]:
            is_late = True
        elif part := os.read(out, 1 << 16):
            data += part
        else:
            break
    os.close(out)
    os.kill(copy, signal.SIGKILL)
    os.waitpid(copy, 0)
    return [_read_value(line) for line in data.split(b"\n")[:-1]][: len(calls)], is_late


def _forked() -> tuple[int, int, int]:
    """Return both ends of a pipe, and the number of a copy of this process, which is 0 in the copy."""
    out, into = os.pipe()
    try:
        return out, into, os.fork()
    except OSError:
        os.close(out)
        os.close(into)
        raise


def _read_value(line: bytes) -> str | None:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        # The code has written there itself.
        return None
    return value if isinstance(value, str) else None


def _answer_tests(calls: list[str], into: int, namespace: dict[str, Any]) -> None:
    try:
        # Where the code has closed its output, the pipe may have the place of that.
        into = fcntl.fcntl(into, fcntl.F_DUPFD, 3)
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, 1)
        os.dup2(nothing, 2)
        for call in calls:
            try:
                found = repr(eval(call, namespace))[:_LONGEST_REPR]  # noqa: S307 - the task's own expression
            except BaseException:  # noqa: BLE001 - a test that raises has failed, and the next one is tried
                found = None
            os.write(into, json.dumps(found).encode() + b"\n")
    finally:
        os._exit(0)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
        # Code may have closed them, or put something else in their place.
        with contextlib.suppress(Exception):
            stream.flush()  # type: ignore[union-attr]


def _read(control: int) -> dict[str, Any] | None:
    head = _exactly(control, HEAD_BYTES)
    if head is None:
        return None
    body = _exactly(control, length_of(head))
    return None if body is None else json.loads(body)


def _exactly(control: int, size: int) -> bytes | None:
    data = b""
    while len(data) < size:
        part = os.read(control, min(size - len(data), 1 << 20))
        if not part:
            return None
        data += part
    return data


def _write(control: int, message: dict[str, Any]) -> None:
    left = memoryview(framed(message))
    while left:
        left = left[os.write(control, left) :]
