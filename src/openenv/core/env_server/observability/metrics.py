"""What a server counts, in the terms of Prometheus: read when it is scraped, never before."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from ...wire.frames import RequestKind
from .reading import ServerReading
from .telemetry import BUCKETS_S, Event

__all__ = ["METRICS", "ServerMetric", "exposition"]

_Samples = Iterable[tuple[tuple[str, ...], float]]
_COUNTED = (RequestKind.OPEN, RequestKind.RESET, RequestKind.STEP, RequestKind.STATE, RequestKind.MCP)


@dataclass(frozen=True)
class ServerMetric:
    """One metric of a server.

    Attributes:
        name: Its name, as it is scraped.
        kind: `gauge`, `counter` or `histogram`.
        told: What it says.
        labels: The names of its labels.
        samples: Reads its values and what stands in their labels; not for histograms.
        timed: The kind of request whose times a histogram holds.
    """

    name: str
    kind: str
    told: str
    labels: tuple[str, ...] = ()
    samples: Callable[[ServerReading], _Samples] | None = None
    timed: RequestKind = RequestKind.STEP

    def family(self, reading: ServerReading) -> Metric:
        """Return the values of now."""
        if self.samples is None:
            return _histogram(self, reading)
        build = CounterMetricFamily if self.kind == "counter" else GaugeMetricFamily
        family = build(self.name, self.told, labels=self.labels)
        for labels, value in self.samples(reading):
            family.add_metric(labels, value)
        return family


def _histogram(metric: ServerMetric, reading: ServerReading) -> HistogramMetricFamily:
    timings = reading.telemetry.requests[metric.timed]
    bounds = (*map(floatToGoString, BUCKETS_S), "+Inf")
    family = HistogramMetricFamily(metric.name, metric.told)
    family.add_metric((), list(zip(bounds, accumulate(timings.buckets), strict=True)), timings.total_s)
    return family


def _requests(reading: ServerReading) -> _Samples:
    for kind in _COUNTED:
        timings = reading.telemetry.requests[kind]
        yield (kind.value, "ok"), timings.answered
        yield (kind.value, "error"), timings.failed


def _steps(reading: ServerReading) -> _Samples:
    yield (), reading.telemetry.requests[RequestKind.STEP].answered


def _count(event: Event) -> Callable[[ServerReading], _Samples]:
    return lambda reading: [((), reading.telemetry.events[event])]


def _one(read: Callable[[ServerReading], float]) -> Callable[[ServerReading], _Samples]:
    return lambda reading: [((), read(reading))]


def _by_label(read: Callable[[ServerReading], dict[str, int]]) -> Callable[[ServerReading], _Samples]:
    return lambda reading: (((label,), value) for label, value in read(reading).items())


METRICS = (
    ServerMetric(
        "openenv_sessions",
        "gauge",
        "Sessions by what they are doing.",
        ("state",),
        _by_label(lambda reading: reading.states),
    ),
    ServerMetric(
        "openenv_sessions_max",
        "gauge",
        "Sessions that may be open at once.",
        (),
        _one(lambda reading: reading.max_sessions),
    ),
    ServerMetric(
        "openenv_queue_length",
        "gauge",
        "Clients that wait for a session.",
        (),
        _one(lambda reading: reading.queue_length),
    ),
    ServerMetric(
        "openenv_draining",
        "gauge",
        "1 while the server is about to stop, else 0.",
        (),
        _one(lambda reading: reading.draining),
    ),
    ServerMetric(
        "openenv_pool_threads",
        "gauge",
        "Threads for environments that are not asynchronous, by what they are doing.",
        ("state",),
        _by_label(lambda reading: reading.threads),
    ),
    ServerMetric(
        "openenv_hung_calls",
        "gauge",
        "Calls that do not end, whose sessions were given up.",
        (),
        _one(lambda reading: reading.hung_calls),
    ),
    ServerMetric(
        "openenv_processes",
        "gauge",
        "Server processes that answer.",
        (),
        _one(lambda reading: reading.processes),
    ),
    ServerMetric(
        "openenv_process_deaths_total",
        "counter",
        "Server processes that have died.",
        (),
        _one(lambda reading: reading.deaths),
    ),
    ServerMetric("openenv_steps_total", "counter", "Steps that were answered.", (), _steps),
    ServerMetric("openenv_step_duration_seconds", "histogram", "Time of a step, from its turn to its answer."),
    ServerMetric(
        "openenv_reset_duration_seconds",
        "histogram",
        "Time of a reset, from its turn to its answer.",
        timed=RequestKind.RESET,
    ),
    ServerMetric(
        "openenv_open_duration_seconds",
        "histogram",
        "Time to make an environment for a session.",
        timed=RequestKind.OPEN,
    ),
    ServerMetric(
        "openenv_requests_total", "counter", "Requests by kind and how they ended.", ("kind", "outcome"), _requests
    ),
    ServerMetric(
        "openenv_requests_repeated_total",
        "counter",
        "Requests that came again after a connection broke, and were answered from memory.",
        (),
        _count(Event.REPEATED),
    ),
    ServerMetric(
        "openenv_errors_total",
        "counter",
        "Errors that clients were told of, by class.",
        ("type",),
        _by_label(lambda reading: dict(reading.telemetry.errors)),
    ),
    ServerMetric("openenv_sessions_opened_total", "counter", "Sessions opened.", (), _count(Event.OPENED)),
    ServerMetric("openenv_sessions_closed_total", "counter", "Sessions closed.", (), _count(Event.CLOSED)),
    ServerMetric(
        "openenv_sessions_parked_total",
        "counter",
        "Times that a session lost its connection and was kept.",
        (),
        _count(Event.PARKED),
    ),
    ServerMetric(
        "openenv_sessions_resumed_total",
        "counter",
        "Times that a client took up its session on another connection.",
        (),
        _count(Event.RESUMED),
    ),
    ServerMetric(
        "openenv_sessions_expired_total",
        "counter",
        "Parked sessions closed because nobody took them up in time.",
        (),
        _count(Event.EXPIRED),
    ),
    ServerMetric(
        "openenv_sessions_reaped_total",
        "counter",
        "Sessions closed because nobody used them.",
        (),
        _count(Event.REAPED),
    ),
    ServerMetric(
        "openenv_sessions_crashed_total",
        "counter",
        "Sessions whose environment's process died.",
        (),
        _count(Event.CRASHED),
    ),
    ServerMetric(
        "openenv_sessions_abandoned_total",
        "counter",
        "Sessions given up because a call of theirs did not end.",
        (),
        _count(Event.ABANDONED),
    ),
    ServerMetric(
        "openenv_passed_on_total",
        "counter",
        "Times that a session was asked for in another process than the one that has it.",
        (),
        _count(Event.PASSED_ON),
    ),
    ServerMetric(
        "openenv_websocket_received_bytes_total",
        "counter",
        "Bytes of messages that came over WebSockets.",
        (),
        _one(lambda reading: reading.telemetry.received_bytes),
    ),
    ServerMetric(
        "openenv_websocket_sent_bytes_total",
        "counter",
        "Bytes of messages that went over WebSockets.",
        (),
        _one(lambda reading: reading.telemetry.sent_bytes),
    ),
)


class _Scrape(Collector):
    """What is scraped at one moment: a server's metrics, and those of its processes."""

    def __init__(self, reading: ServerReading, pids: Mapping[str, int]) -> None:
        self._reading = reading
        self._pids = pids

    def collect(self) -> Iterator[Metric]:
        yield from (metric.family(self._reading) for metric in METRICS)
        yield from _of_processes(self._pids) if self._pids else ProcessCollector(registry=None).collect()


def _of_processes(pids: Mapping[str, int]) -> Iterable[Metric]:
    """Return the metrics of several processes, told apart by the label `process`."""
    families: dict[str, Metric] = {}
    for name, pid in pids.items():
        for family in ProcessCollector(pid=lambda pid=pid: pid, registry=None).collect():  # type: ignore[misc]
            known = families.setdefault(family.name, Metric(family.name, family.documentation, family.type))
            for sample in family.samples:
                known.add_sample(sample.name, {**sample.labels, "process": name}, sample.value)
    return families.values()


def exposition(reading: ServerReading, pids: Mapping[str, int], accept: str = "") -> tuple[bytes, str]:
    """Return what a server counts and its media type, in the format that a scraper's `Accept` asks for.

    Args:
        reading: What it counts.
        pids: Its processes by name, where there are several.
        accept: The header `Accept`.
    """
    # A registry of its own: two servers in a process do not mix.
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Scrape(reading, pids))
    encode, media_type = choose_encoder(accept)
    return encode(registry), media_type
