"""Policy decisions a second through the authorizer that serves: `python -m benchmarks.decisions`."""

import itertools
import json
import time
from typing import Any

from tidegate.edge.authority import Target
from tidegate.edge.caller import Caller, Role, Scope
from tidegate.identity.policy import CedarAuthorizer, read_policies
from tidegate.identity.policy.actions import OPERATIONS
from tidegate.kernel import WorkspaceId

BAR_A_SECOND = 8_000
_SECONDS = 5.0


def measure_decisions(seconds: float = _SECONDS) -> dict[str, Any]:
    """Return decisions a second of CPU time: with callers that come again, and with ones never seen before."""
    again, new = _measure(seconds, copies=1), _measure(seconds, copies=100)
    return again | {f"{name}OfNewCallers": new[name] for name in ("decisionsPerCpuSecond", "p50Us", "p99Us")}


def _measure(seconds: float, *, copies: int) -> dict[str, Any]:
    """Ask with each role and scope `copies` times; more than the authorizer keeps parsed are new each time.

    Allowed and refused are mixed as roles, scopes and operations mix them; each refusal ends in its sentence.
    """
    decide = CedarAuthorizer(read_policies()).decide
    on = Target(services=frozenset({"pay"}), environments=frozenset({"prod"}))
    callers = [
        Caller(WorkspaceId(f"w-{number}"), scope, f"tok_{number}", by_session=False, member=f"usr_{number}", role=role)
        for number, (role, scope, _) in enumerate(itertools.product(Role, Scope, range(copies)))
    ]
    asked = itertools.cycle(itertools.product(OPERATIONS, callers))
    count = allowed = 0
    took: list[float] = []
    started = time.process_time()
    while time.process_time() - started < seconds:
        for operation, caller in itertools.islice(asked, 500):
            before = time.perf_counter()
            allowed += decide(caller, operation, on).is_allowed
            took.append(time.perf_counter() - before)
            count += 1
    a_second = count / (time.process_time() - started)
    took.sort()
    return {
        "decisionsPerCpuSecond": round(a_second),
        "decisions": count,
        "allowedShare": round(allowed / count, 3),
        "p50Us": round(took[count // 2] * 1e6),
        "p99Us": round(took[count * 99 // 100] * 1e6),
        "bar": BAR_A_SECOND,
        "holds": a_second >= BAR_A_SECOND,
    }


if __name__ == "__main__":
    print(json.dumps(measure_decisions()))
