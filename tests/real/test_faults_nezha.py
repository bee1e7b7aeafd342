"""147,806 rows of spans around twelve injected faults: each span stored once, under its own ids."""

import csv
import gzip

import pytest
from tests.real.conftest import find_folder
from tests.real.sender import Replayer

pytestmark = pytest.mark.real

ROWS, AROUND_FAULTS = 147_806, 138_321
SPANS = 143_614
"""4,192 rows say again, word for word, what a row before them said: a span of two files, or twice in one."""


def test_what_is_stored_is_what_was_sent(replayer: Replayer) -> None:
    folder = find_folder() / "faults-nezha" / "train-ticket"
    spans: dict[tuple[str, str], tuple[str, ...]] = {}
    row_count = around_faults = 0
    for file in sorted(folder.rglob("*_trace.csv.gz")):
        with gzip.open(file, "rt", newline="") as text:
            for row in csv.DictReader(text):
                row_count += 1
                around_faults += not file.name.startswith("fault-free")
                known = spans.setdefault((row["TraceID"], row["SpanID"]), tuple(row.values()))
                assert known == tuple(row.values())
    assert (row_count, around_faults, len(spans)) == (ROWS, AROUND_FAULTS, SPANS)

    assert replayer.replay(folder, "nezha")["spans"] == ROWS
    replayer.wait_stored(spans=SPANS)
