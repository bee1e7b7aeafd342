"""OTLP in: checked, understood, stored and synced before it is acknowledged."""

from typing import TYPE_CHECKING

from tidegate.kernel.lazy import lazily

if TYPE_CHECKING:
    from tidegate.telemetry.service import IngestService
    from tidegate.telemetry.store import EngineBatchStore, PostgresTouchLedger
    from tidegate.telemetry.stored import Stored, StoredRecords
else:
    # The verbs of the command line live in this slice too, and start without its engines.
    __getattr__ = lazily(
        {
            "tidegate.telemetry.service": ("IngestService",),
            "tidegate.telemetry.store": ("EngineBatchStore", "PostgresTouchLedger"),
            "tidegate.telemetry.stored": ("Stored", "StoredRecords"),
        }
    )

__all__ = ["EngineBatchStore", "IngestService", "PostgresTouchLedger", "Stored", "StoredRecords"]
