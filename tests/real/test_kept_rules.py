"""Alerting rules that were taken over, and promtool: the same alerts fire in the same minutes."""

import re
import shutil
from pathlib import Path

import pytest
import yaml
from tests.real.promtool_files import ask_promtool, found_in
from tests.unit.alerts.importing.made import MINUTES, made_events, made_rules, rule_file, series_of, states_of

from tidegate.alerts.importing.alerting_rules import as_rule_file, kept_rules
from tidegate.alerts.rule_sets.reading import read_rule_file as read_ours
from tidegate.promql.rule_files import read_rule_file

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(shutil.which("promtool") is None, reason="there is no promtool here to compare with"),
]


@pytest.mark.parametrize("seed", range(100, 120))
def test_alerts_of_rules_that_were_taken_over_fire_when_promtool_says_so(seed: int, tmp_path: Path) -> None:
    events, made = made_events(seed), made_rules(seed, 12)
    (tmp_path / "rules.yml").write_bytes(rule_file(made))
    series = [{"series": name, "values": " ".join(map(str, values))} for name, values in series_of(events).items()]
    asked = [{"expr": "ALERTS", "eval_time": f"{minute}m"} for minute in range(MINUTES + 1)]
    test = {"interval": "1m", "input_series": series, "promql_expr_test": asked}
    file = tmp_path / "tests.yml"
    file.write_text(yaml.safe_dump({"rule_files": ["rules.yml"], "evaluation_interval": "1m", "tests": [test]}))
    theirs = found_in(ask_promtool(file))

    kept = list(kept_rules(read_rule_file((tmp_path / "rules.yml").read_bytes())))
    rules = read_ours(yaml.safe_dump(as_rule_file("made", kept)).encode()).rules
    ours: dict[int, set[tuple[str, ...]]] = {minute: set() for minute in range(MINUTES + 1)}
    for rule, one in zip(rules, made, strict=True):
        for minute, states in enumerate(states_of(rule, one, events)):
            for (service, tenant), state in states.items():
                ours[minute].add((one.alert, state, service if "service" in one.by else "", tenant or ""))
    found = {minute: set[tuple[str, ...]]() for minute in ours}
    for question, samples in theirs.items():
        hours, minutes = re.findall(r"time: (?:(\d+)h)?(?:(\d+)m)?", question)[0]
        assert isinstance(samples, list)
        for sample in samples:
            labels = dict(re.findall(r'(\w+)="(.*?)"', sample))
            names = ("alertname", "alertstate", "service", "tenant")
            found[int(hours or 0) * 60 + int(minutes or 0)].add(tuple(labels.get(name, "") for name in names))
    assert {minute: (ours[minute], found[minute]) for minute in ours if ours[minute] != found[minute]} == {}
    assert sum(map(len, found.values())) > 200
