"""What can go wrong with packets."""

from typing import ClassVar

from tidegate.kernel import ConflictError, TooLargeError

MAX_MEBIBYTES = 16


class DecisionWithoutReleaseError(ConflictError):
    code: ClassVar[str] = "decision_without_release"

    def __init__(self) -> None:
        super().__init__("There was no release to decide on, so there is nothing that a packet could be about.")


class PacketIncompleteError(ConflictError):
    code: ClassVar[str] = "packet_incomplete"

    def __init__(self, what: str) -> None:
        super().__init__(
            f"{what} A packet holds everything or nothing: evaluate the gate again, and take the packet of the new "
            "decision."
        )


class DecisionAlteredError(ConflictError):
    code: ClassVar[str] = "decision_altered"

    def __init__(self, sentence: str) -> None:
        super().__init__(f"What is stored of this decision is not what was recorded, so it is not signed: {sentence}")


class PacketTooLargeError(TooLargeError):
    code: ClassVar[str] = "packet_too_large"

    def __init__(self) -> None:
        super().__init__(
            f"The bodies of its evidence have more than {MAX_MEBIBYTES} MiB: take the packet without them, and each "
            "body by its digest."
        )
