from __future__ import annotations

import contextlib
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from openenv.core.wire.binary import ARRAY_CODE, pack, unpack
from openenv.core.wire.codec import EncodeError

_DTYPES = st.one_of(
    arrays.boolean_dtypes(),
    arrays.integer_dtypes(),
    arrays.unsigned_integer_dtypes(),
    arrays.floating_dtypes(sizes=(16, 32, 64)),
    arrays.complex_number_dtypes(sizes=(64, 128)),
    arrays.byte_string_dtypes(min_len=1, max_len=5),
    arrays.unicode_string_dtypes(min_len=1, max_len=5),
)


@given(arrays.arrays(_DTYPES, arrays.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)))
def test_arrays_keep_their_dtype_shape_and_elements(array: Any) -> None:
    back = unpack(pack({"pixels": array}))["pixels"]
    assert (back.dtype, back.shape) == (array.dtype, array.shape)
    np.testing.assert_array_equal(back, array)


def test_arrays_may_be_written_to_where_they_arrive() -> None:
    back = unpack(pack(np.zeros(3)))
    back[0] = 1.0
    assert back.tolist() == [1.0, 0.0, 0.0]


@pytest.mark.parametrize("array", [np.arange(6).reshape(2, 3).T, np.arange(10)[::3]], ids=["transposed", "strided"])
def test_arrays_that_lie_scattered_in_memory_arrive_whole(array: Any) -> None:
    np.testing.assert_array_equal(unpack(pack(array)), array)


def test_bytes_dates_and_sets_travel_beside_them() -> None:
    value = {"raw": b"\xff\x00", "numbers": [1, 2.5, float("inf")], "scalar": np.float32(0.5), "nothing": None}
    assert unpack(pack(value)) == {**value, "scalar": 0.5}


def test_arrays_of_objects_and_records_become_lists() -> None:
    assert unpack(pack(np.array([1, "a"], dtype=object))) == [1, "a"]
    assert unpack(pack(np.array([(1, 2.0)], dtype=[("n", "i4"), ("x", "f8")]))) == [[1, 2.0]]


def test_what_cannot_be_sent_is_refused() -> None:
    with pytest.raises(EncodeError, match="object"):
        pack({"thing": object()})


def _extension(payload: bytes, code: int = ARRAY_CODE) -> bytes:
    return msgspec.msgpack.encode(msgspec.msgpack.Ext(code, payload))


def _array(dtype: str, shape: list[int], data: bytes) -> bytes:
    head = msgspec.msgpack.encode((dtype, shape))
    return _extension(len(head).to_bytes(2, "big") + head + data)


@pytest.mark.parametrize(
    "data",
    [
        b"\xc1",
        b"\x91",
        _extension(b"", code=7),
        _extension(b""),
        _extension(b"\x00\x40ab"),
        _array("|O8", [1], bytes(8)),
        _array("<i4,<f4", [1], bytes(8)),
        _array("<f4", [3], bytes(8)),
        _array("<f4", [-1, -1], bytes(8)),
        _array("<f4", [1 << 62, 1 << 62], b""),
        _array("<f3", [1], bytes(3)),
        _array("<U999999", [1], b"1234"),
    ],
)
def test_malformed_messages_are_value_errors(data: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        unpack(data)


@given(st.binary(max_size=60))
def test_any_bytes_at_all_are_read_or_refused(data: bytes) -> None:
    with contextlib.suppress(ValueError):
        unpack(data)
