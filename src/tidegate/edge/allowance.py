"""How much one may ask, as settings say it; apart from what counts it, which the command line does without."""

from dataclasses import dataclass

__all__ = ["Allowance"]


@dataclass(frozen=True, slots=True)
class Allowance:
    """Requests in ten seconds, and wrong credentials in a minute; 0 for no limit."""

    of_credential: int = 1_000
    of_workspace: int = 3_000
    attempts: int = 60
