"""AI runs one by one: which there were, and what one did, cost and broke."""

from tidegate.signals.ai_runs.errors import RunNotFoundError
from tidegate.signals.ai_runs.model import AiRun, RunDetail, RunQuery
from tidegate.signals.ai_runs.service import AiRunService
from tidegate.signals.ai_runs.store import EngineRunStore

__all__ = ["AiRun", "AiRunService", "EngineRunStore", "RunDetail", "RunNotFoundError", "RunQuery"]
