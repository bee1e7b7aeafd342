"""What can go wrong with gates."""

from typing import ClassVar

from tidegate.kernel import InvalidInputError, NotFoundError


class GateNotFoundError(NotFoundError):
    code: ClassVar[str] = "gate_not_found"

    def __init__(self, gate_id: str) -> None:
        super().__init__(f"There is no gate {gate_id!r}. `tidegate gate list` shows the gates you have.")
        self.gate_id = gate_id


class DecisionNotFoundError(NotFoundError):
    code: ClassVar[str] = "decision_not_found"

    def __init__(self, decision_id: str) -> None:
        super().__init__(f"The gate has no decision {decision_id!r}. `tidegate gate history` lists them.")


class NoEarlierDecisionError(NotFoundError):
    code: ClassVar[str] = "no_earlier_decision"

    def __init__(self, decision_id: str) -> None:
        super().__init__(f"{decision_id!r} is the first decision of the gate for its release: name another one.")


class GateFileInvalidError(InvalidInputError):
    """Names the field of the file (`checks.1.expression`), or `body` when it cannot be read at all."""

    code: ClassVar[str] = "gate_file_invalid"


class SchemaNotFoundError(NotFoundError):
    code: ClassVar[str] = "schema_not_found"

    def __init__(self, name: str, known: str) -> None:
        super().__init__(f"There is no schema {name!r}. There are: {known}.")
