"""What a process that takes telemetry in does not load: a library of 37 MB that nothing of it uses."""

import subprocess
import sys

_SCRIPT = """
import sys
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from tests.factories import make_span
from tidegate.telemetry.span_table import SpanTable, Kind
span = make_span(name="one", attributes={"text": "a", "whole": 3, "real": 0.5, "truth": True, "list": ["a"]})
span.status.message = "went wrong"
plain = make_span(name="two", attributes={})
table = SpanTable([span.SerializeToString(), plain.SerializeToString()])
table.check_lists()
said = table.status_messages()
assert [said.words[code] for code in said.codes] == ["went wrong", ""], said
assert table.status_codes().tolist() == [0, 0]
assert table.words(table.owners * 0).words[1:] == ["a"]
assert table.wholes(table.owners[:1] * 0 + table.keys.index("whole")).tolist() == [3]
table.raw_values(Kind.TEXT, table.owners[:1] * 0)
print("pandas" in sys.modules)
"""


def test_reading_spans_loads_no_library_for_tables_of_its_own() -> None:
    ran = subprocess.run([sys.executable, "-c", _SCRIPT], capture_output=True, text=True, timeout=60, check=False)
    assert (ran.returncode, ran.stdout.strip()) == (0, "False"), ran.stderr
