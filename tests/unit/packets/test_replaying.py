"""A decision made once more from its packet, and the two ways to reach a verdict held against each other."""

import random
from typing import Any

import pytest
from tests.unit.packets.worlds import GATE_FILE, World

from tidegate.gates import CheckOutcome
from tidegate.packets.replaying import ReplayDiffersError, replay, verdict_bytes
from tidegate.packets.verifier import reach_verdict, verify_packet

SCORED = GATE_FILE.replace(b"checks:", b"score: {pass: 0.9, warning: 0.6}\nchecks:")
STRICT = GATE_FILE.replace(b"checks:", b"onWarning: hold\nchecks:")
ALL = tuple(outcome for outcome in CheckOutcome if outcome is not CheckOutcome.WAIVED)


def predicate_of(world: World) -> Any:
    return verify_packet(world.packet(), world.publics).predicate


def test_a_decision_comes_out_the_same_byte_for_byte() -> None:
    for world in (World(), World(waived=frozenset({"smoke", "authz"})), World(gate_file=SCORED)):
        predicate = predicate_of(world)
        assert replay(predicate) == verdict_bytes(predicate["decision"])


def test_any_results_come_to_the_same_verdict_by_both_ways() -> None:
    draw = random.Random(6)
    seen = set()
    for _ in range(150):
        world = World(gate_file=draw.choice([GATE_FILE, SCORED, STRICT]), evidence_count=1, has_bodies=False)
        world.outcomes = {check: draw.choice(ALL) for check in world.outcomes}
        world.waived = frozenset(check for check in ("authz", "smoke") if draw.random() < 0.3)
        parts = world.parts()
        said = world.judgement().verdict.value
        assert reach_verdict(parts.policy, parts.decision["checks"]) == said
        predicate = predicate_of(world)
        assert replay(predicate) == verdict_bytes(predicate["decision"])
        seen.add(said)
    assert seen == {"go", "hold", "no_go"}


def test_figures_outside_the_bound_did_not_pass() -> None:
    world = World(figures={"harbor": {"count": 400, "failureRate": 0.35}})
    with pytest.raises(ReplayDiffersError, match="not within its bound"):
        replay(predicate_of(world))


def test_a_service_without_figures_did_not_pass() -> None:
    with pytest.raises(ReplayDiffersError, match="not within its bound"):
        replay(predicate_of(World(figures={"harbor": None})))


def test_other_steps_or_another_sentence_are_found() -> None:
    world = World(outcomes=World().outcomes | {"smoke": CheckOutcome.FAILED})
    predicate = predicate_of(world)
    predicate["decision"]["steps"][0]["owner"] = "nobody"
    with pytest.raises(ReplayDiffersError, match="Judged once more"):
        replay(predicate)


def test_an_override_stands_before_the_sentence_and_changes_no_verdict() -> None:
    world = World(outcomes=World().outcomes | {"smoke": CheckOutcome.FAILED})
    predicate = predicate_of(world)
    decision = predicate["decision"]
    truth = decision["sentence"]
    decision["override"] = {"digest": "sha256:1"}
    decision["sentence"] = f"GO (overridden by A and B until 2026-11-21 12:00 UTC); in truth {truth}"
    assert replay(predicate)
    decision["sentence"] = truth
    with pytest.raises(ReplayDiffersError, match="overridden"):
        replay(predicate)
