"""106 expositions of the OpenMetrics project: the valid ones become points, the invalid ones are refused by line."""

import json
from typing import Any

import pytest
from tests.real.conftest import find_input
from tests.unit.replays.recorded import READING

from tidegate.replays.formats import FORMATS, Unreadable
from tidegate.replays.formats.openmetrics import families_of
from tidegate.replays.model import Document, UnreadableFileError

pytestmark = pytest.mark.real

VALID, INVALID = 22, 84


def cases() -> list[dict[str, Any]]:
    return [json.loads(line) for line in find_input("openmetrics-parse", "cases.jsonl").read_text().splitlines()]


def test_the_cases_are_the_ones_that_these_tests_are_about() -> None:
    assert sum(case["shouldParse"] for case in cases()) == VALID
    assert sum(not case["shouldParse"] for case in cases()) == INVALID


def test_every_valid_exposition_is_read_and_every_invalid_one_is_refused_with_a_line() -> None:
    wrong = []
    for case in cases():
        try:
            families_of(case["metrics"].splitlines(keepends=True))
        except UnreadableFileError as error:
            if case["shouldParse"] or not str(error).startswith("line "):
                wrong.append((case["name"], str(error)))
        else:
            if not case["shouldParse"]:
                wrong.append((case["name"], "was read"))
    assert wrong == []


def test_every_valid_exposition_becomes_a_request_of_the_protocol() -> None:
    from google.protobuf import json_format
    from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

    for case in cases():
        if not case["shouldParse"]:
            continue
        for row in FORMATS["openmetrics"].reader()(case["metrics"].splitlines(keepends=True), READING):
            if isinstance(row, Unreadable):
                assert row.reason.endswith("is no time from 1970 to 2262")
                continue
            [document] = row.events
            assert isinstance(document, Document)
            parsed = json_format.ParseDict(document.content, ExportMetricsServiceRequest())
            assert parsed.resource_metrics, case["name"]
