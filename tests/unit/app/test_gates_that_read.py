"""Which gates read the alerts of an incident."""

from dataclasses import replace
from datetime import timedelta

from tests.pages.gate_worlds import make_gate

from tidegate.app.incidents import GatesThatRead
from tidegate.gates import Check, CheckOutcome, Gate
from tidegate.gates.model import QuietSpec
from tidegate.kernel import WorkspaceId


class Gates:
    """A `GateService` of which nothing but its gates is asked."""

    def __init__(self, *gates: Gate) -> None:
        self._gates = list(gates)

    async def list_gates(self, workspace: WorkspaceId) -> list[Gate]:
        return self._gates


def quiet_gate(name: str, *codes: str, service: str | None = None) -> Gate:
    spec = QuietSpec(codes=codes, quiet_for=timedelta(minutes=5), service=service)
    return replace(make_gate(name)[0], checks=(Check("quiet", "Quiet", "sre", spec),))


async def test_gates_are_named_that_ask_for_one_of_the_codes_on_an_affected_service() -> None:
    regression, _ = make_gate("regression", CheckOutcome.PASSED)
    gates = Gates(
        quiet_gate("any", "a", "b", "z"), quiet_gate("other-code", "z"), quiet_gate("api", "a", service="api"),
        quiet_gate("other-service", "a", service="web"), regression, replace(regression, problem="a broken file"),
    )  # fmt: skip
    book = GatesThatRead(gates)  # type: ignore[arg-type]
    found = await book.list_reading(WorkspaceId("w"), codes=["a", "b"], services=["api"])
    assert [(place.id, place.codes) for place in found] == [
        ("any", ("a", "b")), ("api", ("a",)), ("regression", ()),
    ]  # fmt: skip
    assert found[-1].title.endswith("(not readable now)")
