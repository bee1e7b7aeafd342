"""Which families an event belongs to, as bits of one column. Names are wire names; bits are stored and never reused."""

from typing import Final

FAMILY_BITS: Final = {
    "request": 1,
    "auth": 2,
    "tenant": 4,
    "tool_call": 8,
    "ingestion": 16,
    "retrieval": 32,
    "delivery": 64,
    "access_sync": 128,
    "usage": 256,
    "policy": 512,
    "evaluation": 1024,
}
"""`ai_run` is counted from whole traces and `runtime` from metric points: neither is a bit of one row."""
