"""What it means to a delivery when nobody answered."""

from datetime import timedelta
from typing import Final

from tidegate.deliveries.model import Outcome, Receipt
from tidegate.egress import EgressFailedError, EgressRefusedError, Failure, Rule

__all__ = ["receipt_of_failure"]

_SOON: Final = timedelta(seconds=1)


def receipt_of_failure(error: EgressFailedError | EgressRefusedError) -> Receipt:
    """Return the receipt: what breaks a rule by how it is written never gets better, everything else may."""
    if isinstance(error, EgressRefusedError):
        # Where a name leads to may be set right; and whoever turned it inside has nothing of another try.
        outcome = Outcome.RETRY if error.rule is Rule.ADDRESS else Outcome.DEAD
        return Receipt(outcome, error.message)
    return Receipt(Outcome.RETRY, error.message, after=_SOON if error.failure is Failure.BUSY else None)
