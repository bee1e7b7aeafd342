"""Objectives: how good services have to be, how much error budget is left, and how fast it burns."""

from tidegate.slos.burning import BurnAnswer, BurnCode, BurnFinding, BurnLook, BurnReading, BurnSubject
from tidegate.slos.model import (
    COUNTED,
    BudgetPolicy,
    BurnSeverity,
    FreezeEvent,
    FreezeEventKind,
    FreezeException,
    FreezeState,
    PolicyDecision,
    PolicyException,
    PolicyState,
    policy_state,
)
from tidegate.slos.ports import BurnListener, FreezeReader, ObjectiveStore

__all__ = [
    "COUNTED",
    "BudgetPolicy",
    "BurnAnswer",
    "BurnCode",
    "BurnFinding",
    "BurnListener",
    "BurnLook",
    "BurnReading",
    "BurnSeverity",
    "BurnSubject",
    "FreezeEvent",
    "FreezeEventKind",
    "FreezeException",
    "FreezeReader",
    "FreezeState",
    "ObjectiveStore",
    "PolicyDecision",
    "PolicyException",
    "PolicyState",
    "policy_state",
]
