"""The same files of rule tests, by promtool and by tidegate."""

import math
import shutil
from pathlib import Path

import pytest
from tests.real.promtool_files import ask_promtool, found_in, random_expressions, write_files

from tidegate.promql.rule_files import read_rule_file
from tidegate.promql.rule_tests import run_test_file
from tidegate.promql.testing_files import read_test_file

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(shutil.which("promtool") is None, reason="there is no promtool here to compare with"),
]

# promtool adds series up in no fixed order: of some sums the last digits differ from one of its runs to the next.
LAST_DIGITS = 1e-12


def same(ours: object, theirs: object) -> bool:
    if not isinstance(ours, list) or not isinstance(theirs, list) or len(ours) != len(theirs):
        return ours == theirs
    return all(_same_sample(one, other) for one, other in zip(ours, theirs, strict=True))


def _same_sample(one: str, other: str) -> bool:
    (labels, value), (other_labels, other_value) = one.rsplit(" ", 1), other.rsplit(" ", 1)
    return labels == other_labels and (
        value == other_value or math.isclose(float(value), float(other_value), rel_tol=LAST_DIGITS)
    )


@pytest.mark.parametrize(("seed", "interval"), [(seed, ("1m", "30s", "2m", "90s")[seed % 4]) for seed in range(40)])
def test_every_result_alert_and_annotation_is_the_one_of_promtool(seed: int, interval: str, tmp_path: Path) -> None:
    file = write_files(tmp_path, random_expressions(seed, 60), interval=interval)
    theirs = found_in(ask_promtool(file))
    rules = read_rule_file((tmp_path / "rules.yml").read_bytes())
    assert rules.refusals == ()
    ours = found_in("\n".join(run_test_file(read_test_file(file.read_bytes()), rules.groups)))
    assert len(theirs) > 200
    assert {
        question: (ours.get(question), theirs.get(question))
        for question in ours.keys() | theirs.keys()
        if not same(ours.get(question), theirs.get(question))
    } == {}
