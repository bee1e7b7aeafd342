"""Random events, and alerting rules over them that can be kept: for the promql engine, for rules and for promtool."""

import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import yaml

from tidegate.alerts.model import Alert, AlertKey, Rule, advance, judge
from tidegate.kernel import WorkspaceId
from tidegate.signals import Totals

__all__ = ["MINUTES", "Events", "made_events", "made_rules", "rule_file", "series_of", "states_of"]

MINUTES = 240
_LEAD = 60  # minutes without an event first: rates of Prometheus are guessed where a window begins before its series
_SUBJECTS = (("chat", "a"), ("chat", "b"), ("search", "a"), ("search", ""))
_RATES = ("0.05", "0.1", "0.25", "0.5", "0")
_START = datetime(2026, 11, 1, tzinfo=UTC)

Events = Mapping[tuple[str, str], Sequence[tuple[int, int]]]
"""By service and tenant: how many requests a minute brought, and how many of them failed."""


@dataclass(frozen=True, slots=True)
class Made:
    alert: str
    expr: str
    by: tuple[str, ...]
    only: Mapping[str, str]
    for_minutes: int


def made_events(seed: int) -> Events:
    dice = random.Random(seed)
    found = {}
    for subject in _SUBJECTS:
        minutes = [(0, 0)] * _LEAD
        while len(minutes) < MINUTES:
            volume, share = dice.choice((0, 0, 3, 20, 40)), dice.choice((0.0, 0.05, 0.25, 0.6))
            for _ in range(dice.randint(1, 25)):
                count = dice.randint(volume // 2, volume)
                minutes.append((count, sum(dice.random() < share for _ in range(count))))
        found[subject] = tuple(minutes[:MINUTES])
    return found


def made_rules(seed: int, count: int) -> list[Made]:
    dice = random.Random(seed)
    return [_made(dice, number) for number in range(count)]


def _made(dice: random.Random, number: int) -> Made:
    by = dice.choice((("service",), ("service", "tenant"), ("tenant",)))
    only = {} if "service" in by and dice.random() < 0.5 else {"service": dice.choice(("chat", "search"))}
    window = dice.choice(("5m", "10m", "30m", "1h"))
    chosen = [f'{name}="{value}"' for name, value in only.items()] + (['tenant!=""'] if "tenant" in by else [])
    braces = "{" + ",".join(chosen) + "}" if chosen else ""

    def summed(name: str, function: str = "increase") -> str:
        return f"sum by ({', '.join(by)}) ({function}(tidegate_request_{name}_total{braces}[{window}]))"

    op = dice.choice((">", ">="))
    if dice.random() < 0.7:
        bound = dice.choice(_RATES if op == ">" else _RATES[:-1])
        expr = f"{summed('failure')} / {summed('request')} {op} {bound}"
        expr += f" and {summed('request')} >= {dice.randint(2, 60)}" if dice.random() < 0.5 else ""
    elif dice.random() < 0.5:
        expr = f"{summed('failure')} {op} {dice.randint(1, 40)}"
    else:
        expr = f"{summed('failure', 'rate')} {op} {dice.choice((0.0101, 0.033, 0.2))}"
    return Made(f"MadeAlert{number}", expr, by, only, dice.choice((0, 1, 3, 10)))


def rule_file(made: Sequence[Made]) -> bytes:
    rules: list[dict[str, Any]] = [
        {
            "alert": one.alert,
            "expr": one.expr,
            "for": f"{one.for_minutes}m",
            "labels": {"severity": "page"},
            "annotations": {"runbook_url": "https://runbooks.example/made"},
        }
        for one in made
    ]
    return yaml.safe_dump({"groups": [{"name": "made", "rules": rules}]}).encode()


def series_of(events: Events) -> dict[str, list[int]]:
    """Return the counters of `events` by series: a value for each minute, the first before the first event."""
    found = {}
    for (service, tenant), minutes in events.items():
        labels = f'{{service="{service}",tenant="{tenant}"}}' if tenant else f'{{service="{service}"}}'
        for position, name in enumerate(("request", "failure")):
            total, values = 0, [0]
            for minute in minutes:
                total += minute[position]
                values.append(total)
            found[f"tidegate_request_{name}_total{labels}"] = values
    return found


def states_of(rule: Rule, made: Made, events: Events) -> list[dict[tuple[str, str | None], str]]:
    """Return the states of a rule's alerts at the end of each minute, looked at once a minute."""
    opened: dict[AlertKey, Alert] = {}
    found = []
    width = int(rule.window / timedelta(minutes=1))
    for step in range(MINUTES + 1):
        now = _START + timedelta(minutes=step)
        sums: defaultdict[AlertKey, Totals] = defaultdict(Totals)
        for subject, minutes in events.items():
            key = _key_of(rule, made, *subject)
            counted = minutes[max(step - width, 0) : step]
            if key is not None and any(count for count, _ in counted):
                sums[key] += Totals(count=sum(one for one, _ in counted), failure_count=sum(two for _, two in counted))
        for key in {*sums, *opened}:
            change = advance(rule, opened.get(key), judge(rule, sums[key]), key=key, now=now)
            if change is not None:
                opened.pop(key, None)
                opened |= {key: change.alert} if change.alert.is_open else {}
        found.append({(key.service, key.tenant): alert.state.value for key, alert in opened.items()})
    return found


def _key_of(rule: Rule, made: Made, service: str, tenant: str) -> AlertKey | None:
    if made.only.get("service", service) != service or ("tenant" in made.by and not tenant):
        return None
    return AlertKey(WorkspaceId("w"), rule.code, service, tenant if "tenant" in made.by else None)
