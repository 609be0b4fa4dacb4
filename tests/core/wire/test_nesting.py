from __future__ import annotations

import json
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from openenv.core.wire.nesting import is_nested_deeper

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.sampled_from('[]{}"\\/,:ü')),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(st.sampled_from('[{"\\x')), inner, max_size=4),
    max_leaves=20,
)


def depth(value: Any) -> int:
    if isinstance(value, dict):
        value = list(value.values())
    return 1 + max((depth(inner) for inner in value), default=0) if isinstance(value, list) else 0


@given(values, st.integers(1, 8), st.booleans())
@example(["\\"], 1, True)
@example(['\\"['], 1, True)
@example([[], {}, [{}]], 2, False)
def test_what_is_said_of_a_text_is_so(value: Any, limit: int, pretty: bool) -> None:
    text = json.dumps(value, ensure_ascii=pretty, indent=2 if pretty else None)
    assert is_nested_deeper(text, limit) == (depth(value) > limit)
    assert is_nested_deeper(text.encode(), limit) == (depth(value) > limit)


def test_a_long_text_that_is_not_deep_passes() -> None:
    assert not is_nested_deeper(json.dumps([[i, {"a": "]"}] for i in range(100_000)]), 3)
