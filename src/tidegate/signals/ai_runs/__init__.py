"""AI runs one by one: which there were, and what one did, cost and broke."""

from typing import TYPE_CHECKING

from tidegate.kernel.lazy import lazily

if TYPE_CHECKING:
    from tidegate.signals.ai_runs.errors import RunNotFoundError
    from tidegate.signals.ai_runs.model import AiRun, RunDetail, RunQuery
    from tidegate.signals.ai_runs.service import AiRunService
    from tidegate.signals.ai_runs.store import EngineRunStore
else:
    __getattr__ = lazily(
        {
            "tidegate.signals.ai_runs.errors": ("RunNotFoundError",),
            "tidegate.signals.ai_runs.model": (
                "AiRun",
                "RunDetail",
                "RunQuery",
            ),
            "tidegate.signals.ai_runs.service": ("AiRunService",),
            "tidegate.signals.ai_runs.store": ("EngineRunStore",),
        }
    )

__all__ = ["AiRun", "AiRunService", "EngineRunStore", "RunDetail", "RunNotFoundError", "RunQuery"]
