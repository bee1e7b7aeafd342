"""Rules over days, and how long reading what they are written in takes: CPU time of this process.

python benchmarks/promql.py [RULE_FILE]
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import promql_parser

from tidegate.promql.parsing import parse_expression
from tidegate.promql.rule_files import read_rule_file
from tidegate.promql.running import run_rules
from tidegate.promql.series import MemorySource, Series, labels_of

RULES = b"""
groups:
- name: g
  rules:
  - record: tenant:errors:ratio5m
    expr: sum by (tenant) (rate(requests{code="500"}[5m])) / sum by (tenant) (rate(requests[5m]))
  - record: tenant:errors:ratio1h
    expr: sum by (tenant) (rate(requests{code="500"}[1h])) / sum by (tenant) (rate(requests[1h]))
  - {alert: Burn, expr: tenant:errors:ratio5m > 0.06 and tenant:errors:ratio1h > 0.04, for: 2m}
  - {alert: Slow, expr: 'avg_over_time(latency[10m]) > 0.6', for: 5m, keep_firing_for: 10m}
  - {alert: Peak, expr: 'max_over_time(latency[1h]) > 0.9999'}
  - {alert: Quiet, expr: 'sum by (tenant) (increase(requests[10m])) < 200'}
"""
EXPRESSION = (
    'sum by (tenant) (rate(http_request_duration_seconds_count{job="myservice",code=~"(5..|429)"}[5m])) '
    '/ sum by (tenant) (rate(http_request_duration_seconds_count{job="myservice"}[5m])) > 14.4 * 0.001 '
    "and on (tenant) tenant:errors:ratio1h > 14.4 * 0.001"
)


def measure(what: str, act: Callable[[], object], *, times: int = 1) -> None:
    act()
    start = time.process_time()
    for _ in range(times):
        act()
    print(f"{what:70} {(time.process_time() - start) / times * 1000:10.3f} ms")


def make_source() -> MemorySource:
    """Three days at the minute of 100 tenants: requests by code, and a latency."""
    random = np.random.default_rng(1)
    moments = np.arange(0, 3 * 86_400_000, 60_000, dtype=np.int64)
    series = []
    for tenant in (f"t{number}" for number in range(100)):
        for code, most in (("200", 50), ("500", 3)):
            labels = labels_of({"__name__": "requests", "tenant": tenant, "code": code})
            series.append(Series(labels, moments, np.cumsum(random.integers(0, most, moments.size)).astype(float)))
        labels = labels_of({"__name__": "latency", "tenant": tenant})
        series.append(Series(labels, moments, random.random(moments.size)))
    return MemorySource.of(series)


def main() -> None:
    source, file = make_source(), read_rule_file(RULES)
    moments = np.arange(0, 3 * 86_400_000, 60_000, dtype=np.int64)
    measure("6 rules, 3 days at the minute, 100 tenants, 300 series", lambda: run_rules(file.groups, source, moments))
    measure(f"the library alone reads {len(EXPRESSION)} characters", lambda: promql_parser.parse(EXPRESSION), times=500)
    measure("the same into our tree", lambda: parse_expression(EXPRESSION), times=500)
    for name in sys.argv[1:]:
        content = Path(name).read_bytes()
        measure(f"{name}: {len(content)} bytes of rules", lambda content=content: read_rule_file(content))


main()
