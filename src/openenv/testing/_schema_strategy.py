"""A JSON schema as a Hypothesis strategy: the schemas of pydantic's models and of tools, not every one there is.

`hypothesis-jsonschema` would do this, but it does not work with today's Hypothesis.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from typing import Any

from hypothesis import strategies as st

__all__ = ["strategy_of"]

_Schema = Mapping[str, Any]
_Strategy = st.SearchStrategy[Any]

# Whole numbers without bounds: what an environment takes for a count should not keep it busy for ever.
_LARGEST = 2**31 - 1
_MORE_ITEMS = 4
# Of all that there is, Hypothesis would first make a table, which takes it seconds.
_PRINTABLE = "".join(map(chr, range(0x20, 0x7F)))
_ALPHABET = _PRINTABLE + "\x00\t\n\r\x7f\x85\xa0éßñжλ漢字\u200b\u2028\ufeff\U0001f600"
_FORMATS: dict[str, Callable[[], _Strategy]] = {
    "base64url": lambda: st.binary(max_size=9).map(lambda value: base64.urlsafe_b64encode(value).decode()),
    "date": lambda: st.dates().map(str),
    "date-time": lambda: st.datetimes().map(lambda value: value.isoformat()),
    "duration": lambda: st.integers(0, 10**6).map(lambda seconds: f"PT{seconds}S"),
    "email": lambda: st.from_regex(r"[a-z]{1,8}@[a-z]{1,8}\.org", fullmatch=True),
    "ipv4": lambda: st.ip_addresses(v=4).map(str),
    "ipv6": lambda: st.ip_addresses(v=6).map(str),
    "time": lambda: st.times().map(lambda value: value.isoformat()),
    "uri": lambda: st.from_regex(r"https://[a-z]{1,8}\.org/[a-z]{0,8}", fullmatch=True),
    "uuid": lambda: st.uuids().map(str),
}


def strategy_of(schema: _Schema) -> _Strategy:
    """Return a strategy for values of a schema; few of what it gives may not be, where the schema says much."""
    return _Reading(schema).strategy(schema)


class _Reading:
    """Reads one schema, with the definitions in it."""

    def __init__(self, root: _Schema) -> None:
        self._root = root
        self._named: dict[str, _Strategy] = {}

    def strategy(self, schema: object) -> _Strategy:
        if not isinstance(schema, Mapping):
            return st.nothing() if schema is False else _anything()
        if "$ref" in schema:
            return self._referred(str(schema["$ref"]))
        if "const" in schema:
            return st.just(schema["const"])
        if "enum" in schema:
            return st.sampled_from(list(schema["enum"]))
        for key in ("anyOf", "oneOf"):
            if key in schema:
                own = {name: value for name, value in schema.items() if name != key}
                return st.one_of(*(self.strategy(_merged(own, option)) for option in schema[key]))
        if "allOf" in schema:
            own = {name: value for name, value in schema.items() if name != "allOf"}
            return self.strategy(_merged(own, *schema["allOf"]))
        return self._of_type(schema)

    def _referred(self, reference: str) -> _Strategy:
        if reference not in self._named:
            # Put off until it is drawn from: a definition may hold itself.
            self._named[reference] = st.deferred(lambda: self.strategy(self._target(reference)))
        return self._named[reference]

    def _target(self, reference: str) -> object:
        found: Any = self._root
        for part in reference.removeprefix("#").strip("/").split("/"):
            found = found[part.replace("~1", "/").replace("~0", "~")] if part else found
        return found

    def _of_type(self, schema: _Schema) -> _Strategy:
        kind = schema.get("type")
        if isinstance(kind, list):
            return st.one_of(*(self.strategy({**schema, "type": each}) for each in kind))
        if kind is None:
            kind = "object" if "properties" in schema else "array" if "items" in schema else ""
        simple = _SIMPLE.get(str(kind))
        if simple is not None:
            return simple(schema)
        if kind == "array":
            return self._array(schema)
        return self._object(schema) if kind == "object" else _anything()

    def _array(self, schema: _Schema) -> _Strategy:
        first = [self.strategy(each) for each in schema.get("prefixItems", ())]
        least = schema.get("minItems", 0)
        if first and least <= len(first):
            return st.tuples(*first).map(list)
        # Arrays of anything are those of numpy, which wants numbers.
        items = schema.get("items") or {"type": "number"}
        most = schema.get("maxItems", least + _MORE_ITEMS)
        unique: Any = repr if schema.get("uniqueItems") else None
        return st.lists(self.strategy(items), min_size=least, max_size=most, unique_by=unique)

    def _object(self, schema: _Schema) -> _Strategy:
        properties = {name: self.strategy(each) for name, each in schema.get("properties", {}).items()}
        required = set(schema.get("required", ()))
        mandatory = {name: each for name, each in properties.items() if name in required}
        optional = {name: each for name, each in properties.items() if name not in required}
        further = schema.get("additionalProperties", False)
        if properties or further is False:
            return st.fixed_dictionaries(mandatory, optional=optional)
        return st.dictionaries(st.text(_ALPHABET, max_size=8), self.strategy(further), max_size=_MORE_ITEMS)


def _merged(own: _Schema, *others: object) -> _Schema:
    merged = dict(own)
    for other in others:
        merged |= other if isinstance(other, Mapping) else {}
    return merged


def _anything() -> _Strategy:
    return st.none() | st.booleans() | st.integers(-_LARGEST, _LARGEST) | st.text(_ALPHABET, max_size=20)


def _text(schema: _Schema) -> _Strategy:
    if "pattern" in schema:
        # Python takes `$` to stand before a last line break too; JSON schemas do not.
        pattern = re.sub(r"(?<!\\)\$\Z", r"\\Z", schema["pattern"])
        return st.from_regex(pattern, alphabet=_PRINTABLE)
    known = _FORMATS.get(str(schema.get("format")))
    if known is not None:
        return known()
    least = schema.get("minLength", 0)
    return st.text(_ALPHABET, min_size=least, max_size=schema.get("maxLength", least + 20))


def _integer(schema: _Schema) -> _Strategy:
    step = int(schema.get("multipleOf", 1))
    low: Any = schema["exclusiveMinimum"] + 1 if "exclusiveMinimum" in schema else schema.get("minimum")
    high: Any = schema["exclusiveMaximum"] - 1 if "exclusiveMaximum" in schema else schema.get("maximum")
    if low is None:
        low = -_LARGEST if high is None else high - _LARGEST
    if high is None:
        high = max(low, 0) + _LARGEST
    return st.integers(-(-int(low) // step), int(high) // step).map(lambda value: value * step)


def _number(schema: _Schema) -> _Strategy:
    if "multipleOf" in schema:
        step = schema["multipleOf"]
        ends = {name: schema[name] / step for name in _BOUNDS if name in schema}
        return _integer(ends).map(lambda value: value * step)
    low = schema.get("minimum", schema.get("exclusiveMinimum"))
    high = schema.get("maximum", schema.get("exclusiveMaximum"))
    return st.floats(
        low,
        high,
        allow_nan=False,
        allow_infinity=False,
        exclude_min=low is not None and "exclusiveMinimum" in schema,
        exclude_max=high is not None and "exclusiveMaximum" in schema,
    )


_BOUNDS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
_SIMPLE: dict[str, Callable[[_Schema], _Strategy]] = {
    "boolean": lambda _: st.booleans(),
    "integer": _integer,
    "null": lambda _: st.none(),
    "number": _number,
    "string": _text,
}
