"""Metrics in Prometheus' text format: the one file that knows its client, which takes a tenth of a second to import."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import accumulate
from typing import TYPE_CHECKING

from marketeer.domain.metrics import BUCKETS_S, FAMILIES, Family, FamilyKind, Metrics, derived

if TYPE_CHECKING:  # imported late, for the start-up's sake
    from prometheus_client.core import Metric

PREFIX = "marketeer_"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def exposition(metrics: Metrics) -> str:
    """What a scrape of Prometheus reads."""
    from prometheus_client import CollectorRegistry, generate_latest
    from prometheus_client.registry import Collector

    class Ours(Collector):
        def collect(self) -> Iterator[Metric]:
            return _families(metrics)

    registry = CollectorRegistry(auto_describe=False)
    registry.register(Ours())
    return generate_latest(registry).decode()


def age(seconds: float) -> str:
    """To stand behind an exposition that was kept for a while: how old it is."""
    name = f"{PREFIX}metrics_age_seconds"
    return f"# HELP {name} How long ago these numbers were read.\n# TYPE {name} gauge\n{name} {seconds:.1f}\n"


def _families(metrics: Metrics) -> Iterator[Metric]:
    gauges: dict[str, dict[tuple[str, ...], float]] = {}
    for family, labels, value in derived(metrics):
        gauges.setdefault(family.name, {})[labels] = value
    for family in FAMILIES:
        yield _family(family, metrics, gauges.get(family.name) or metrics.of(family))


def _family(family: Family, metrics: Metrics, numbers: Mapping[tuple[str, ...], float]) -> Metric:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

    name = PREFIX + family.name
    if family.kind is FamilyKind.HISTOGRAM:
        spans = HistogramMetricFamily(name, family.help, labels=family.labels)
        for labels, histogram in sorted(metrics.spans(family).items()):
            upto = accumulate(histogram.counts)
            ends = [*(str(end) for end in BUCKETS_S), "+Inf"]
            spans.add_metric(labels, list(zip(ends, upto, strict=True)), histogram.total_s)
        return spans
    plain = CounterMetricFamily if family.kind is FamilyKind.COUNTER else GaugeMetricFamily
    shown = plain(name, family.help, labels=family.labels)
    for labels, value in sorted(numbers.items()):
        shown.add_metric(labels, value)
    return shown
