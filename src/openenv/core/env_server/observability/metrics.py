"""What a server counts, in the terms of Prometheus: read when it is scraped, never before."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from ...wire.frames import RequestKind
from ..sessions import SessionManager
from .telemetry import BUCKETS_S, Event

__all__ = ["METRICS", "Metrics", "ServerMetric"]

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
    samples: Callable[[SessionManager], _Samples] | None = None
    timed: RequestKind = RequestKind.STEP

    def family(self, sessions: SessionManager) -> Metric:
        """Return the values of now."""
        if self.samples is None:
            return _histogram(self, sessions)
        build = CounterMetricFamily if self.kind == "counter" else GaugeMetricFamily
        family = build(self.name, self.told, labels=self.labels)
        for labels, value in self.samples(sessions):
            family.add_metric(labels, value)
        return family


def _histogram(metric: ServerMetric, sessions: SessionManager) -> HistogramMetricFamily:
    timings = sessions.telemetry.requests[metric.timed]
    bounds = (*map(floatToGoString, BUCKETS_S), "+Inf")
    family = HistogramMetricFamily(metric.name, metric.told)
    family.add_metric((), list(zip(bounds, accumulate(timings.buckets), strict=True)), timings.total_s)
    return family


def _requests(sessions: SessionManager) -> _Samples:
    for kind in _COUNTED:
        timings = sessions.telemetry.requests[kind]
        yield (kind.value, "ok"), timings.answered
        yield (kind.value, "error"), timings.failed


def _steps(sessions: SessionManager) -> _Samples:
    yield (), sessions.telemetry.requests[RequestKind.STEP].answered


def _count(event: Event) -> Callable[[SessionManager], _Samples]:
    return lambda sessions: [((), sessions.telemetry.events[event])]


def _one(read: Callable[[SessionManager], float]) -> Callable[[SessionManager], _Samples]:
    return lambda sessions: [((), read(sessions))]


def _by_label(read: Callable[[SessionManager], dict[str, int]]) -> Callable[[SessionManager], _Samples]:
    return lambda sessions: (((label,), value) for label, value in read(sessions).items())


METRICS = (
    ServerMetric(
        "openenv_sessions",
        "gauge",
        "Sessions by what they are doing.",
        ("state",),
        _by_label(lambda sessions: sessions.census()),
    ),
    ServerMetric(
        "openenv_sessions_max",
        "gauge",
        "Sessions that may be open at once.",
        (),
        _one(lambda sessions: sessions.max_sessions),
    ),
    ServerMetric(
        "openenv_queue_length",
        "gauge",
        "Clients that wait for a session.",
        (),
        _one(lambda sessions: sessions.admission.queue_length),
    ),
    ServerMetric(
        "openenv_draining",
        "gauge",
        "1 while the server is about to stop, else 0.",
        (),
        _one(lambda sessions: sessions.admission.draining),
    ),
    ServerMetric(
        "openenv_pool_threads",
        "gauge",
        "Threads for environments that are not asynchronous, by what they are doing.",
        ("state",),
        _by_label(lambda sessions: sessions.threads()),
    ),
    ServerMetric(
        "openenv_hung_calls",
        "gauge",
        "Calls that do not end, whose sessions were given up.",
        (),
        _one(lambda sessions: sessions.abandoned),
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
        _by_label(lambda sessions: dict(sessions.telemetry.errors)),
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
        "openenv_websocket_received_bytes_total",
        "counter",
        "Bytes of messages that came over WebSockets.",
        (),
        _one(lambda sessions: sessions.telemetry.received_bytes),
    ),
    ServerMetric(
        "openenv_websocket_sent_bytes_total",
        "counter",
        "Bytes of messages that went over WebSockets.",
        (),
        _one(lambda sessions: sessions.telemetry.sent_bytes),
    ),
)


class Metrics(Collector):
    """The metrics of one server, in a registry of their own: two servers in a process do not mix."""

    def __init__(self, sessions: SessionManager) -> None:
        """Make the metrics of a server's sessions."""
        self._sessions = sessions
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)
        ProcessCollector(registry=self._registry)

    def collect(self) -> Iterator[Metric]:
        """Read every metric."""
        return (metric.family(self._sessions) for metric in METRICS)

    def exposition(self, accept: str = "") -> tuple[bytes, str]:
        """Return the values of now and their media type, in the format that a scraper's `Accept` asks for."""
        encode, media_type = choose_encoder(accept)
        return encode(self._registry), media_type
