"""OTLP in: checked, understood, stored and synced before it is acknowledged."""

from tidegate.telemetry.service import IngestService
from tidegate.telemetry.store import EngineSpanStore, PostgresTouchLedger

__all__ = ["EngineSpanStore", "IngestService", "PostgresTouchLedger"]
