"""What can be wrong with an expression, a rule file or an evaluation."""

from typing import ClassVar

from tidegate.kernel.errors import InvalidInputError

__all__ = ["EvaluationError", "ExpressionError", "ExpressionTooLargeError", "NotSupportedError", "RuleFileError"]


class ExpressionError(InvalidInputError):
    """The text is no PromQL."""

    code: ClassVar[str] = "promql_invalid"


class ExpressionTooLargeError(InvalidInputError):
    """The text is longer or deeper than anything a rule needs."""

    code: ClassVar[str] = "promql_too_large"


class NotSupportedError(InvalidInputError):
    """The text is PromQL, and says something outside the supported subset."""

    code: ClassVar[str] = "promql_not_supported"

    def __init__(self, what: str, *, where: str = "", why: str = "", field: str | None = None) -> None:
        place = f" at {where}" if where else ""
        reason = why or "docs/reference/promql.md lists what is"
        super().__init__(f"`{what}`{place} is not in the supported subset: {reason}", field=field)
        self.what = what
        self.where = where
        self.why = why


class EvaluationError(InvalidInputError):
    """An expression that is right in itself has no answer over these series."""

    code: ClassVar[str] = "promql_evaluation"


class RuleFileError(InvalidInputError):
    """A file of rules, of tests or of objectives is not what its format says."""

    code: ClassVar[str] = "rule_file_invalid"
