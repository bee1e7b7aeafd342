"""Tables as CSV: for spreadsheets, and safe in them."""

import csv
import io
from collections.abc import Iterable, Sequence

from fastapi import Response

__all__ = ["csv_response", "csv_text"]

# A spreadsheet runs what begins with one of these; names come from telemetry (CWE-1236).
_RUN = ("=", "+", "-", "@", "\t", "\r")


def csv_text(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table with a header; numbers in full, no value as an empty cell."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return text.getvalue()


def csv_response(name: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Response:
    """Return the table as a file; `name` is one of ours, never one from outside."""
    return Response(
        csv_text(columns, rows),
        media_type="text/csv; charset=utf-8",
        headers={"content-disposition": f'attachment; filename="{name}.csv"', "cache-control": "no-store"},
    )


def _cell(value: object) -> object:
    if isinstance(value, str):
        clean = value.replace("\0", "\N{REPLACEMENT CHARACTER}")
        return f"'{clean}" if clean.startswith(_RUN) else clean
    return value
