"""Values that a JSON schema describes, and values that it does not."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from ..core.exceptions import MissingExtraError

__all__ = ["invalid_objects", "problem_with", "require_extra", "schema_problem", "valid_values"]

# Tried in turn until one is found that a schema does not describe; no reading of a text makes any of them right.
_WRONG = ({"no such": {"value": [None]}}, "no such value", [{"no": "such"}], -1.5, None)
_TOO_MUCH = 1000


def require_extra() -> None:
    """See that what the checks need is installed.

    Raises:
        MissingExtraError: It is not.
    """
    try:
        import hypothesis  # noqa: F401
        import jsonschema  # noqa: F401
        import psutil  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("checking an environment", "testing") from error


def valid_values(schema: Mapping[str, Any], count: int, seed: int) -> list[Any]:
    """Return random values of a schema, always the same ones for a seed.

    Args:
        schema: The schema.
        count: How many.
        seed: What they follow from.

    Returns:
        As many as that; none where no value can be made.
    """
    return json.loads(_drawn(json.dumps(schema, sort_keys=True), count, seed))  # type: ignore[no-any-return]


@lru_cache(maxsize=64)
def _drawn(schema_text: str, count: int, seed: int) -> str:
    """Return such values as JSON: they are drawn once, and nobody changes those of another."""
    import hypothesis

    from ._schema_strategy import strategy_of

    schema = json.loads(schema_text)
    is_valid = _validator(schema).is_valid
    found: list[Any] = []

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(strategy_of(schema).filter(is_valid))
    def collect(value: Any) -> None:
        found.append(value)

    try:
        collect()
    except hypothesis.errors.Unsatisfiable:
        return "[]"
    # Where there are few values, they come more than once.
    chance = random.Random(seed)  # noqa: S311 - nothing to keep secret
    return json.dumps(found + [chance.choice(found) for _ in range(count - len(found))] if found else [])


def invalid_objects(
    schema: Mapping[str, Any], valid: Mapping[str, Any], *, may_have_more: bool = False
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield objects that a schema does not describe, each with what is wrong with it.

    Args:
        schema: The schema, of an object.
        valid: An object that it does describe.
        may_have_more: Whether fields that there are not are good ones where the schema does not say.
    """
    validator = _validator(schema)
    for name in schema.get("required", ()):
        yield f"without {name!r}", {key: value for key, value in valid.items() if key != name}
    if schema.get("additionalProperties", may_have_more) is False:
        yield "with a field that there is not", {**valid, "no_such_field": 1}
    for name, described in schema.get("properties", {}).items():
        candidates = [*_beyond(described), *_WRONG]
        wrong = next((each for each in candidates if not validator.is_valid({**valid, name: each})), _WRONG)
        if wrong is not _WRONG:
            yield f"with {name!r} as {wrong!r}", {**valid, name: wrong}


def _beyond(schema: object) -> Iterator[Any]:
    """Yield values of the right type that are out of bounds."""
    if not isinstance(schema, Mapping):
        return
    if "minimum" in schema:
        yield schema["minimum"] - 1
    if "maximum" in schema:
        yield schema["maximum"] + 1
    if schema.get("maxLength", _TOO_MUCH) < _TOO_MUCH:
        yield "x" * (schema["maxLength"] + 1)


def problem_with(value: object, schema: Mapping[str, Any]) -> str:
    """Return how a value differs from a schema, in words; empty where it does not."""
    from jsonschema.exceptions import best_match

    error = best_match(_validator(schema).iter_errors(value))
    if error is None:
        return ""
    place = ".".join(map(str, error.absolute_path))
    return f"{place}: {error.message}" if place else str(error.message)


def schema_problem(schema: object) -> str:
    """Return why something is no JSON schema, in words; empty where it is one."""
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError

    try:
        Draft202012Validator.check_schema(schema)  # type: ignore[arg-type]  # that is the question
    except SchemaError as error:
        return f"{'.'.join(map(str, error.absolute_path)) or 'the whole'}: {error.message}"
    return ""


def _validator(schema: Mapping[str, Any]) -> Any:
    from jsonschema import Draft202012Validator

    return Draft202012Validator(schema)
