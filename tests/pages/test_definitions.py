"""The definition on the page of a gate is a gate file that asks the same questions."""

import pytest

from tidegate.alerts import BUILT_IN_RULES
from tidegate.gates.catalogues import BuiltInRunbooks, LoadedRules
from tidegate.gates.definitions import definition_of
from tidegate.gates.gate_files import GateFile, parse_gate_file
from tidegate.gates.reading import GateReader
from tidegate.gates.shipped import template_files

WITH_EVERYTHING = b"""
apiVersion: tidegate/v1
kind: Gate
id: all
title: "All: *kinds* & 'quotes' \xe2\x98\x83"
owner: security
onWarning: hold
checks:
  - {id: signal, title: Signal, owner: a, kind: signal, family: ai_run, window: 1h30m, expression: failureRate < 0.1,
     warn: failureRate < 0.05, minCount: 7, service: s, tenant: t, version: release, required: false}
  - {id: quiet, title: Quiet, owner: a, kind: alerts_quiet, severities: [P1], for: 90s, service: s}
  - {id: ci, title: Tests, owner: a, kind: regression, source: ci, suite: unit, maxAge: 7d, allowSkipped: false}
  - {id: authz, title: Authz, owner: a, kind: regression, source: authz, requireCrossTenantNegatives: true,
     runbook: auth_failure_rate_high}
"""


@pytest.mark.parametrize("file", [*template_files(), parse_gate_file(WITH_EVERYTHING)], ids=lambda file: str(file.id))
def test_a_definition_read_again_asks_the_same(file: GateFile) -> None:
    reader = GateReader(alerts=LoadedRules(BUILT_IN_RULES), runbooks=BuiltInRunbooks())
    gate = reader.read(file)
    again = reader.read(parse_gate_file(definition_of(gate).encode()))
    assert again.checks == gate.checks
    assert (again.id, again.title, again.owner, again.sprint, again.holds_on_warning) == (
        gate.id,
        gate.title,
        gate.owner,
        gate.sprint,
        gate.holds_on_warning,
    )
