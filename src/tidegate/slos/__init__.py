"""Objectives: how good services have to be, how much error budget is left, and how fast it burns."""

from tidegate.slos.burning import BurnAnswer, BurnCode, BurnFinding, BurnLook, BurnReading, BurnSubject
from tidegate.slos.model import BudgetPolicy, BurnSeverity, PolicyDecision, PolicyException, PolicyState, policy_state
from tidegate.slos.ports import BurnListener, ObjectiveStore

__all__ = [
    "BudgetPolicy",
    "BurnAnswer",
    "BurnCode",
    "BurnFinding",
    "BurnListener",
    "BurnLook",
    "BurnReading",
    "BurnSeverity",
    "BurnSubject",
    "ObjectiveStore",
    "PolicyDecision",
    "PolicyException",
    "PolicyState",
    "policy_state",
]
