"""Plays episodes on a server whose process has set up tracing, and prints the spans: one JSON object a line."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import httpx
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from openenv.core import EnvClient
from openenv.core.env_server.observability import tracing
from openenv.core.env_server.types import State
from openenv.testing import serve
from tests.core.worlds import Add, Count, Counter

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


class Traced(Counter):
    """Makes a span of its own in each step, and chooses the ids of its episodes."""

    def reset(self, seed: int | None = None, episode_id: str | None = None, start: int = 0) -> Count:
        return super().reset(seed, episode_id or "chosen", start)

    def step(self, action: Add, timeout_s: float | None = None, **kwargs: Any) -> Count:
        with trace.get_tracer("author").start_as_current_span("author.think"):
            return super().step(action)


class Client(EnvClient[Add, Count, State]):
    """Its client."""


def _play(url: str) -> None:
    with Client(base_url=url).sync() as client:
        client.reset(episode_id="first")
        client.step(Add(amount=3))
        client.step(Add(amount=7))
        client.reset()
        client.step(Add())
        try:
            client.step(Add(fail="on purpose"))
        except Exception:  # noqa: BLE001 - its span is what counts
            client.state()
        try:
            client.reset(start=-1)
        except Exception:  # noqa: BLE001 - its span is what counts
            client.state()


async def _play_below(url: str) -> None:
    address = f"ws{url.removeprefix('http')}/ws"
    headers = {"traceparent": PARENT}
    async with connect(address, additional_headers=headers, subprotocols=[Subprotocol("openenv.v2")]) as connection:
        for number, kind in enumerate(("open", "reset", "step", "close"), 1):
            data = {"episode_id": "below"} if kind == "reset" else {}
            await connection.send(json.dumps({"type": kind, "id": number, "data": data}))
            await connection.recv()


def _described(span: ReadableSpan) -> dict[str, object]:
    context = span.get_span_context()
    assert context is not None
    return {
        "name": span.name,
        "id": context.span_id,
        "trace": f"{context.trace_id:032x}",
        "parent": span.parent.span_id if span.parent else None,
        "attributes": dict(span.attributes or {}),
        "status": span.status.status_code.name,
        "links": [f"{link.context.trace_id:032x}" for link in span.links],
    }


def main() -> None:
    """Play without tracing, set it up, and play with it."""
    exporter = InMemorySpanExporter()
    with serve(Traced, env_name="traced") as server:
        _play(server.base_url)
        assert not tracing.is_on()
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        trace.set_tracer_provider(provider)
        _play(server.base_url)
        asyncio.run(_play_below(server.base_url))
        headers = {"traceparent": PARENT, "X-Session-ID": "http"}
        httpx.post(f"{server.base_url}/reset", headers=headers, json={"episode_id": "http"})
        headers["traceparent"] = PARENT.replace("4bf9", "0000")
        httpx.post(f"{server.base_url}/step", headers=headers, json={"action": {"amount": 2}})
    for span in exporter.get_finished_spans():
        sys.stdout.write(json.dumps(_described(span)) + "\n")


if __name__ == "__main__":
    main()
