"""Erasing telemetry: of one trace or one tenant, so that it stays erased."""

from tidegate.telemetry.erasures.model import Erasure, ErasureKind, ErasureState, Found
from tidegate.telemetry.erasures.runner import EraseRunner
from tidegate.telemetry.erasures.service import ErasureService
from tidegate.telemetry.erasures.store import EngineErasedRows, PostgresErasures

__all__ = [
    "EngineErasedRows",
    "EraseRunner",
    "Erasure",
    "ErasureKind",
    "ErasureService",
    "ErasureState",
    "Found",
    "PostgresErasures",
]
