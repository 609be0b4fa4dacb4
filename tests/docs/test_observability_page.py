"""The page on observability names what the code has, and nothing else."""

from __future__ import annotations

import re

from openenv.core.env_server.observability import _spans
from openenv.core.env_server.observability.metrics import METRICS
from tests.docs.pages import ROOT

_PAGE = (ROOT / "docs" / "observability.md").read_text(encoding="utf-8")


def test_the_table_has_every_metric_as_the_code_does() -> None:
    rows = re.findall(r"^\| `(openenv_\w+)` \| (\w+) \| (.*?) ?\| (.*) \|$", _PAGE, re.M)

    assert rows == [
        (metric.name, metric.kind, ", ".join(f"`{label}`" for label in metric.labels), metric.told)
        for metric in METRICS
    ]


def test_queries_ask_for_metrics_that_there_are() -> None:
    known = {metric.name for metric in METRICS} | {f"{metric.name}_bucket" for metric in METRICS}

    assert set(re.findall(r"openenv_[a-z_]+", _PAGE)) <= known


def test_every_attribute_of_a_span_is_told() -> None:
    attributes = {
        value for value in vars(_spans).values() if isinstance(value, str) and re.fullmatch(r"[a-z.]+", value)
    }

    told = {value for value in attributes if value.startswith(("openenv.", "error."))}
    assert len(told) == 8
    assert told <= set(re.findall(r"`([a-z.]+)`", _PAGE))
