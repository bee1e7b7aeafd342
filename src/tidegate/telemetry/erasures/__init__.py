"""Erasing telemetry: of one trace or one tenant, so that it stays erased."""

from typing import TYPE_CHECKING

from tidegate.kernel.lazy import lazily

if TYPE_CHECKING:
    from tidegate.telemetry.erasures.model import Erasure, ErasureKind, ErasureState, Found
    from tidegate.telemetry.erasures.runner import EraseRunner
    from tidegate.telemetry.erasures.service import ErasureService
    from tidegate.telemetry.erasures.store import EngineErasedRows, PostgresErasures
else:
    __getattr__ = lazily(
        {
            "tidegate.telemetry.erasures.model": (
                "Erasure",
                "ErasureKind",
                "ErasureState",
                "Found",
            ),
            "tidegate.telemetry.erasures.runner": ("EraseRunner",),
            "tidegate.telemetry.erasures.service": ("ErasureService",),
            "tidegate.telemetry.erasures.store": (
                "EngineErasedRows",
                "PostgresErasures",
            ),
        }
    )

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
