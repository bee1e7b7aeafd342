"""Conditions, policies and claims, removed one and two at a time: something notices, always."""

import re

import pytest
from tests.api.walls.mutants import Recorded, policy_mutants, record, state_mutants, telemetry_mutants
from tests.api.walls.unwalled import predicates_of
from tests.api.walls.world import Installation

pytestmark = pytest.mark.long  # a minute

_READ = re.compile(r"\b(?:FROM|JOIN) (?:tidegate\.)?(?:raw_\w+|counts|ai_runs|spans)\b")


@pytest.fixture(scope="module")
async def recorded(installation: Installation) -> Recorded:
    return await record(installation, count=400, seed=1)


async def test_whatever_is_removed_is_noticed(installation: Installation, recorded: Recorded) -> None:
    found = [
        *await state_mutants(installation, recorded),
        *await policy_mutants(installation, recorded),
        *await telemetry_mutants(installation, recorded),
    ]
    counted = [each for each in found if not each.reason]
    assert [each for each in counted if not each.caught_by] == []
    assert len(counted) >= 200


def test_every_statement_on_telemetry_names_its_workspaces_for_each_table(recorded: Recorded) -> None:
    assert len(recorded.telemetry) > 20
    lacking = [
        statement
        for statement in recorded.telemetry
        if len(predicates_of(statement)) < len(_READ.findall(statement)) and "{workspaces:" not in statement
    ]
    assert lacking == []
