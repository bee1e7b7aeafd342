"""Objectives: how good services have to be, how much error budget is left, and how fast it burns."""

from tidegate.slos.burning import BurnCode, BurnFinding
from tidegate.slos.model import BudgetPolicy, PolicyDecision, PolicyException, PolicyState, policy_state
from tidegate.slos.ports import BurnListener, ObjectiveStore

__all__ = [
    "BudgetPolicy",
    "BurnCode",
    "BurnFinding",
    "BurnListener",
    "ObjectiveStore",
    "PolicyDecision",
    "PolicyException",
    "PolicyState",
    "policy_state",
]
