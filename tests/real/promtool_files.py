"""Random expressions over difficult series, written as a file of promtool's, and what promtool says of it."""

import random
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

import yaml

SERIES = (
    ('req_total{job="a",code="200",inst="1"}', "0+7x30 3+5x40"),
    ('req_total{job="a",code="500",inst="1"}', "0+1x20 _x8 2+3x30 stale 5+1x5"),
    ('req_total{job="b",code="200",inst="2"}', "10+0.3x25 1.5+0.7x3 0.1+0.31x40"),
    ('req_total{job="b",code="500",inst="2"}', "0x10 1x10 _x3 4x10 2x30"),
    ('temp{room="x"}', "20.1-0.3x30 NaN 5 Inf 3.3+0.1x20"),
    ('temp{room="y"}', "-5+0.7x60"),
    ('temp{room="z"}', "_x5 1 2 stale _ 3 _x2 4 5 stale"),
    ('big{room="x"}', "1234567.5+99999x60"),
    ('big{room="y"}', "0.000012+0.0001x60"),
    ('lim{room="x"}', "15x60"),
    ('lim{room="y"}', "2x20 30x40"),
    ('info{room="x",owner="ann"}', "1x60"),
    ('info{room="y",owner="bob"}', "1x20 stale"),
    ('info{room="y",owner="cy"}', "_x21 1x40"),
    ('dur_bucket{job="a",le="0.1"}', "0+1x70"),
    ('dur_bucket{job="a",le="0.5"}', "0+3x70"),
    ('dur_bucket{job="a",le="1"}', "0+3.5x70"),
    ('dur_bucket{job="a",le="+Inf"}', "0+4x70"),
    ('dur_bucket{job="b",le="0.1"}', "0+2x30 stale"),
    ('dur_bucket{job="b",le="1"}', "0+1x70"),
    ('dur_bucket{job="b",le="1.0"}', "0+1x30"),
    ('dur_bucket{job="b",le="+Inf"}', "0+3x70"),
)
RULES = r"""
groups:
- name: g
  rules:
  - record: job:req:rate5m
    expr: sum by (job) (rate(req_total[5m]))
    labels: {team: t1}
  - alert: Hot
    expr: temp > on (room) lim
    for: 3m
    labels: {severity: page, room: "r-{{ $labels.room }}", gone: '{{ $labels.nothing }}'}
    annotations:
      summary: "{{ $labels.room }} is {{ $value }} ({{ $value | humanize }}, {{ printf \"%.3f\" $value }})"
      more: >-
        {{ .Value | humanizePercentage }} {{ humanizeDuration .Value }} {{- " x " -}} {{ $labels.nope }}
        {{ humanize1024 .Value }} {{ humanizeTimestamp $value }} {{ .Labels.room | toUpper | title }}
        {{ printf "%s-%v-%5.1f|%e|%g|%d" .Labels.room $value $value $value $value $value }} {{/* c */}}
        {{ $externalLabels.region }} {{ reReplaceAll "(.)" "<$1>" .Labels.room }} {{ match "[xy]" .Labels.room }}
  - alert: Slow
    expr: job:req:rate5m < 0.12
    for: 2m
    keep_firing_for: 6m
    annotations: {d: '{{ .Value | humanizePercentage }} of {{ $labels.job }}'}
  - alert: Valued
    expr: temp > 10
    labels: {v: '{{ $value | printf "%.0f" }}'}
  - alert: Big
    expr: big
    annotations: {s: '{{ $value }} {{ printf "%v|%g|%.3v|%8.2e" $value $value $value $value }} {{ humanize $value }}'}
  - record: hot:count
    expr: count(ALERTS{alertstate="firing"}) or vector(0)
  - alert: Watched
    expr: absent(temp{room="z"})
    for: 1m
  - record: self
    expr: self + 1 or on() vector(1)
"""
ALERTS = ("Big", "Hot", "Slow", "Valued", "Watched")
WRITTEN = ("ALERTS", "ALERTS_FOR_STATE", "hot:count", "job:req:rate5m", "self", "count_over_time(ALERTS[20m])")
_SELECTORS = (
    "req_total", "temp", "lim", "info", "dur_bucket", 'req_total{job="a"}', 'temp{room!="x"}', 'req_total{code=~"5.."}',
    'temp{room!~"x|z"}', "nothing", "temp offset 7m", 'req_total{inst="2"} offset 3m', "temp offset -5m",
    '{__name__=~"temp|lim"}',
)  # fmt: skip
_RANGES = ("1m", "5m", "10m", "90s", "30m", "150s", "1h")
_OVER = ("rate", "increase", "rate", "sum_over_time", "avg_over_time", "min_over_time", "max_over_time",
         "count_over_time", "last_over_time", "present_over_time", "absent_over_time")  # fmt: skip
_BY = ("", " by (job)", " without (inst)", " by (room)", " by (le,job)", " without ()", " by ()", " by (__name__)")
_COMPARISONS = ("==", "!=", ">", "<", ">=", "<=")
_MATCHINGS = ("", "", "", " on (room)", " ignoring (inst)", " on (job)", " on ()", " ignoring (code) group_left ()",
              " on (room) group_left (owner)", " on (room) group_right (owner)", " ignoring (owner) group_right ()",
              " ignoring (code, inst)")  # fmt: skip
_CALLS = ("absent({})", "abs({})", "-({})", "clamp_min({}, 3)", "clamp({},2,9)", "floor({})", "time() - ({})",
          "sgn({})", "clamp_max({}, 3)", "scalar({}) + 1", "vector(scalar({}))", "vector(time())")  # fmt: skip
_TIMES = ("0m", "3m", "17m", "25m", "28m", "31m", "32m", "45m", "1h", "65m30s")


def make_expression(chance: random.Random, depth: int = 0) -> str:  # noqa: PLR0911 - one answer a kind
    """Return a random expression of the subset; some of them have no answer."""
    kind = chance.random()
    inner = lambda: make_expression(chance, depth + 1)  # noqa: E731 - read as one word below
    if depth > 3 or kind < 0.18:
        return chance.choice(_SELECTORS)
    if kind < 0.42:
        function, span = chance.choice(_OVER), chance.choice(_RANGES)
        if chance.random() < 0.15:
            return f"{function}(({inner()})[{span}:{chance.choice(['', '1m', '90s', '7m'])}])"
        offset = chance.choice(["", "", " offset 4m", " offset -3m"])
        return f"{function}({chance.choice(_SELECTORS[:10])}[{span}]{offset})"
    if kind < 0.56:
        return f"{chance.choice(['sum', 'avg', 'min', 'max', 'count', 'group'])}{chance.choice(_BY)} ({inner()})"
    if kind < 0.76:
        op = chance.choice(["+", "-", "*", "/", "%", *_COMPARISONS])
        is_bool = " bool" if op in _COMPARISONS and chance.random() < 0.3 else ""
        if chance.random() < 0.35:
            return f"({inner()}) {op}{is_bool} ({chance.choice(['0', '1', '2.5', '-3', '1e3', '0.1'])})"
        return f"({inner()}) {op}{is_bool}{chance.choice(_MATCHINGS)} ({inner()})"
    if kind < 0.86:
        matching = chance.choice(["", "", " on (room)", " ignoring (inst)", " on ()", " on (job)"])
        return f"({inner()}) {chance.choice(['and', 'or', 'unless'])}{matching} ({inner()})"
    if kind < 0.92:
        return chance.choice(_CALLS).format(inner())
    quantile = chance.choice(["0.5", "0.9", "0.99", "0", "1", "-1", "2", "0.3"])
    buckets = ["dur_bucket", "rate(dur_bucket[5m])", "sum by (le) (rate(dur_bucket[10m]))", inner()]
    return f"histogram_quantile({quantile}, {chance.choice(buckets)})"


def write_files(folder: Path, expressions: Sequence[tuple[str, str]], *, interval: str) -> Path:
    """Write the rules and a file that expects nothing of anything, so that whatever is found is said."""
    times = [f"{minute}m" for minute in range(0, 70, 3)]
    alerts = [{"eval_time": at, "alertname": name} for at in times for name in ALERTS]
    asked = [{"expr": text, "eval_time": at} for text, at in expressions]
    test = {
        "interval": "1m",
        "external_labels": {"region": "eu"},
        "input_series": [{"series": name, "values": values} for name, values in SERIES],
        "alert_rule_test": alerts,
        "promql_expr_test": [*asked, *({"expr": text, "eval_time": at} for at in times for text in WRITTEN)],
    }
    (folder / "rules.yml").write_text(RULES)
    file = folder / "tests.yml"
    file.write_text(yaml.safe_dump({"rule_files": ["rules.yml"], "evaluation_interval": interval, "tests": [test]}))
    return file


def ask_promtool(file: Path) -> str:
    return subprocess.run(["promtool", "test", "rules", str(file)], capture_output=True, text=True, check=False).stderr


def found_in(failures: str) -> dict[str, object]:
    """Return what was found by question; an error counts as one whatever its words."""
    found: dict[str, object] = {}
    for item in re.split(r"\n+(?=    (?:expr|alertname|rule):)", failures.replace("  FAILED:\n", "").strip("\n")):
        words = " ".join(item.split())
        if ", err: " in words:
            found[words.partition(", err: ")[0]] = "no answer"
        elif words:
            question, _, answer = words.partition(" got:")
            is_alert = words.startswith("alertname")
            found[question] = answer if is_alert else sorted(re.findall(r"\{.*?\} \S+?(?=,|$)", answer))
    return found


def random_expressions(seed: int, count: int) -> list[tuple[str, str]]:
    chance = random.Random(seed)
    return [(make_expression(chance), chance.choice(_TIMES)) for _ in range(count)]
