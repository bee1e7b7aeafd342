"""`approval`: people in roles who agree to what the other checks say; it is judged after them."""

from typing import Annotated, Literal

from pydantic import Field

from tidegate.gates.check_files import CheckFile, Duration, Slug, read_length
from tidegate.gates.errors import GateFileInvalidError
from tidegate.gates.model import ApprovalSpec
from tidegate.gates.ports import Catalogues

__all__ = ["ApprovalCheckFile"]


class ApprovalCheckFile(CheckFile):
    """People in roles agree, none of whom made the release or its evidence."""

    kind: Literal["approval"]
    roles: Annotated[tuple[Slug, ...], Field(min_length=1, max_length=20)]
    """Functions whose holders an admin names (`security`), or access roles (`approver`)."""
    quorum: Annotated[int, Field(ge=1, le=20)] = 1
    """People of each role; nobody counts for two."""
    max_age: Duration | None = None
    """An approval that is older does not count; at most 30d."""
    poll: bool = False
    """They answer in a launch poll."""

    def read(self, place: str, catalogues: Catalogues) -> ApprovalSpec:  # noqa: ARG002 - names nothing of the catalogues
        if len(set(self.roles)) < len(self.roles):
            raise GateFileInvalidError("A role stands twice: `quorum` asks for more people.", field=f"{place}.roles")
        if self.service is not None:
            raise GateFileInvalidError("People approve a release, not one service.", field=f"{place}.service")
        if self.poll and self.max_age is not None:
            raise GateFileInvalidError("A poll has a clock of its own: remove it.", field=f"{place}.maxAge")
        return ApprovalSpec(
            roles=self.roles,
            quorum=self.quorum,
            max_age=read_length(self.max_age, f"{place}.maxAge") if self.max_age else None,
            is_poll=self.poll,
        )
