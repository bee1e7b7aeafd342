"""How long an answer to a foreign id takes, beside one to an id that nobody has."""

import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median

from tests.api.walls.requests import SLOTS, WITHOUT_CALLER, Operation, unknown_like
from tests.api.walls.world import Doors, Workspace

_WARM_UP_ROUNDS = 2


@dataclass(frozen=True, slots=True)
class Pair:
    """One operation asked twice, one after the other."""

    operation: str
    foreign_ms: float
    unknown_ms: float


async def time_pairs(doors: Doors, operations: list[Operation], own: Workspace, other: Workspace, *,
                     count: int) -> list[Pair]:  # fmt: skip
    """Ask every API operation that names one thing, as often as the others, by an id of `other` and by nobody's.

    What goes first changes, so that neither has the warmer caches.
    """
    named = [each for each in operations if _names_one_thing(each, other)]
    pairs = []
    for number in range(count + _WARM_UP_ROUNDS * len(named)):
        operation = named[number % len(named)]
        values = other.slots[SLOTS[operation.path_slots[0]]]
        foreign = values[number // len(named) % len(values)]
        turned = number // len(named) % 2
        took = {}
        for whose in (foreign, unknown_like(foreign))[:: -1 if turned else 1]:
            path = operation.template.replace(f"{{{operation.path_slots[0]}}}", whose)
            began = time.perf_counter()
            answer = await doors.call(own, "GET", path)
            took[whose == foreign] = (time.perf_counter() - began) * 1_000
            assert answer.status_code == 404, f"{path}: {answer.status_code}"
        pairs.append(Pair(operation.name, took[True], took[False]))
    return pairs[_WARM_UP_ROUNDS * len(named) :]


def _names_one_thing(operation: Operation, other: Workspace) -> bool:
    slots = operation.path_slots
    return (
        operation.method == "GET"
        and operation.template.startswith("/api/")
        and operation.name not in WITHOUT_CALLER
        and len(slots) == 1
        and slots[0].endswith("_id")
        and slots[0] in SLOTS
        and bool(other.slots[SLOTS[slots[0]]])
    )


def differences_by_operation(pairs: list[Pair]) -> Mapping[str, float]:
    """Return the median of the differences of each operation, in ms."""
    found: dict[str, list[float]] = defaultdict(list)
    for pair in pairs:
        found[pair.operation].append(pair.foreign_ms - pair.unknown_ms)
    return {operation: round(median(values), 3) for operation, values in found.items()}
