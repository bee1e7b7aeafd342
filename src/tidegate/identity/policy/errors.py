"""What can be wrong with policies and with questions about them."""

from typing import ClassVar

from tidegate.kernel import InvalidInputError, TidegateError


class PoliciesInvalidError(TidegateError):
    """The policies cannot be trusted to refuse what they should, so nothing is served with them."""

    code: ClassVar[str] = "policies_invalid"


class QuestionInvalidError(InvalidInputError):
    """What was asked names nobody or nothing that the policies know."""

    code: ClassVar[str] = "question_invalid"
