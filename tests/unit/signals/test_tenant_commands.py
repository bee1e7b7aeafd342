"""`tidegate tenant list`: what it says of how many there are, and what a pipe gets."""

from typing import Any

import pytest
from click.testing import CliRunner

from tidegate.signals.tenants import commands

ITEM = {
    "tenant": "acme",
    "outlier": "requests",
    "figures": {"requests": {"value": 7_500, "ratio": 75.0}, "errorRate": {"value": 0.2, "ratio": 2.0}},
}


class Answers:
    def __init__(self, **changes: Any) -> None:
        self.page = {"items": [ITEM], "nextCursor": None, "count": 20_000, "isCut": False} | changes

    def get(self, _path: str, _query: object = None) -> dict[str, Any]:
        return self.page


@pytest.mark.parametrize(
    ("page", "said"),
    [
        ({}, ""),
        ({"nextCursor": "abc"}, "20,000 tenants in all.\nNext: --cursor abc\n"),
        (
            {"nextCursor": "abc", "isCut": True},
            "There are more tenants: only the 20,000 largest are told apart.\nNext: --cursor abc\n",
        ),
    ],
)
def test_a_count_that_is_cut_is_not_said_to_be_all(
    monkeypatch: pytest.MonkeyPatch, page: dict[str, Any], said: str
) -> None:
    monkeypatch.setattr(commands, "api", lambda: Answers(**page))
    assert CliRunner().invoke(commands.tenant, ["list"]).stderr == said


def test_a_pipe_gets_the_numbers_of_the_api(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "api", Answers)
    assert CliRunner().invoke(commands.tenant, ["list"]).stdout == "acme\t7500\t-\t0.2\t-\t-\t-\n"
