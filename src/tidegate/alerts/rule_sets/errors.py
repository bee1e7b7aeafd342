"""What can be wrong with rules."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from tidegate.kernel import ConflictError, InvalidInputError, NotFoundError

_MOST_SHOWN = 50


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong in a rule file."""

    line: int
    field: str
    """Dotted: `rules.0.threshold`."""
    message: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.field}: {self.message}"


class RuleFileInvalidError(InvalidInputError):
    """Nothing of the file was applied; each problem names its line, its field and what is allowed."""

    code: ClassVar[str] = "rule_file_invalid"

    def __init__(self, problems: Sequence[Problem]) -> None:
        shown = [str(problem) for problem in problems[:_MOST_SHOWN]]
        if len(problems) > _MOST_SHOWN:
            shown.append(f"and {len(problems) - _MOST_SHOWN} more")
        super().__init__(
            "\n".join(["The rule file is refused, nothing of it counts.", *shown]), field=problems[0].field
        )
        self.problems = tuple(problems)


class RulesChangedError(ConflictError):
    code: ClassVar[str] = "rules_changed"

    def __init__(self) -> None:
        super().__init__(
            "The rules of this workspace were changed at the same moment. Look at the plan and apply again."
        )


class RuleNotFoundError(NotFoundError):
    code: ClassVar[str] = "rule_not_found"

    def __init__(self, rule: str) -> None:
        super().__init__(f"There is no rule {rule[:80]!r}. `tidegate rule list` shows the rules you have.")
