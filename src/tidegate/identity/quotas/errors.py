"""What can go wrong with setting quotas."""

from typing import ClassVar

from tidegate.edge.quotas import Quota
from tidegate.kernel import ForbiddenError


class QuotaAboveCeilingError(ForbiddenError):
    code: ClassVar[str] = "quota_above_ceiling"

    def __init__(self, quota: Quota, ceiling: int) -> None:
        super().__init__(
            f"The operator allows this workspace {ceiling:,} {quota.thing} a {quota.period}: an admin may lower that "
            "and not raise it. Ask the operator, who does with `tidegate limits set --data-dir`.",
            field=quota.field,
        )
