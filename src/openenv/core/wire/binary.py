"""Values to msgpack and back, for what JSON has no form for: arrays and bytes.

An array is the extension type 1: the length of its head as two bytes (big-endian), the head (msgpack of the numpy dtype
string and of the shape), then the elements in C order. Everything else is what msgpack has of its own.
"""

from __future__ import annotations

import re
import struct
import sys
from typing import TYPE_CHECKING, Any

import msgspec
from pydantic_core import PydanticSerializationError, to_jsonable_python

from .codec import EncodeError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["ARRAY_CODE", "is_plain", "pack", "unpack"]

ARRAY_CODE = 1
"""The msgpack extension type of arrays."""

_HEAD = struct.Struct(">H")
# What a dtype may be: numbers, truth values, texts, bytes and times of a fixed size; no objects and no records.
_DTYPE = re.compile(r"[<>|=][?biufcSUmM]\d{1,6}(\[[0-9a-zA-Z]{1,8}\])?")


def pack(value: object) -> bytes:
    """Return a value as msgpack.

    Args:
        value: Mappings, sequences, dataclasses, pydantic models, arrays, bytes, dates, enums, numbers.

    Raises:
        EncodeError: Something in it has no form in msgpack.
    """
    try:
        return _ENCODER.encode(value)
    except (TypeError, ValueError, OverflowError, RecursionError, PydanticSerializationError) as exc:
        raise EncodeError(f"cannot be sent: {exc}") from exc


def unpack(data: bytes) -> Any:
    """Return the value that msgpack stands for. Arrays are made anew, and may be written to.

    Raises:
        ValueError: It is not msgpack, or an array in it is malformed.
    """
    try:
        return _DECODER.decode(data)
    except (msgspec.DecodeError, RecursionError, TypeError) as exc:
        raise ValueError(str(exc)) from exc


def _known(value: object) -> object:
    """Return what stands for a value that msgpack has no form for."""
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        if isinstance(value, numpy.generic):
            return value.item()
        if hasattr(value, "__array__"):
            array = numpy.asarray(value)
            return msgspec.msgpack.Ext(ARRAY_CODE, _packed(array)) if is_plain(array) else array.tolist()
    return to_jsonable_python(value)


def is_plain(array: NDArray[Any]) -> bool:
    """Return whether an array's elements travel as they lie in memory; others travel as lists."""
    return _DTYPE.fullmatch(array.dtype.str) is not None


def _packed(array: NDArray[Any]) -> bytes:
    head = _ENCODER.encode((array.dtype.str, array.shape))
    return b"".join((_HEAD.pack(len(head)), head, array.tobytes()))


def _extension(code: int, data: memoryview) -> object:
    if code != ARRAY_CODE:
        raise ValueError(f"expected the msgpack extension type {ARRAY_CODE}, got {code}")
    return _array(data)


def _array(data: memoryview) -> NDArray[Any]:
    import numpy as np

    if len(data) < _HEAD.size:
        raise ValueError(f"expected an array's head, got {len(data)} bytes")
    start = _HEAD.size + _HEAD.unpack_from(data)[0]
    try:
        name, shape = _HEAD_DECODER.decode(data[_HEAD.size : start])
        if not _DTYPE.fullmatch(name):
            raise ValueError(f"expected an array of numbers, texts or times, got the dtype {name[:40]!r}")
        # Copied: the message is not kept alive, and the array is its owner's to write to.
        array: NDArray[Any] = np.frombuffer(data[start:], dtype=np.dtype(name)).reshape(shape).copy()
        return array
    except (msgspec.DecodeError, TypeError, ValueError) as exc:
        raise ValueError(f"an array cannot be read: {exc}") from exc


_ENCODER = msgspec.msgpack.Encoder(enc_hook=_known)
_DECODER = msgspec.msgpack.Decoder(ext_hook=_extension)
_HEAD_DECODER = msgspec.msgpack.Decoder(tuple[str, list[int]])
