"""What can be wrong with judgements and evaluations."""

from typing import ClassVar

from tidegate.kernel import InvalidInputError


class TrecFileInvalidError(InvalidInputError):
    code: ClassVar[str] = "trec_file_invalid"

    def __init__(self, what: str, line: int, words: str) -> None:
        super().__init__(f"Line {line} of the {what}: {words}", field=f"{what}.{line}")
