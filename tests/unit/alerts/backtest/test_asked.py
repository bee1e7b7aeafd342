"""What a server of others would have answered is recorded nowhere."""

from datetime import UTC, datetime
from typing import Any, cast

import pytest
from tests.unit.alerts.test_asked_rules import FILE

from tidegate.alerts.backtest.errors import BacktestUnknowableError
from tidegate.alerts.backtest.model.outcome import Trial
from tidegate.alerts.backtest.service import BacktestService
from tidegate.kernel import WorkspaceId
from tidegate.testing import FakeClock

START = datetime(2026, 2, 1, tzinfo=UTC)


async def test_a_file_with_a_rule_that_asks_a_server_is_refused_by_its_code() -> None:
    nothing = cast("Any", None)  # refused before anything is read
    service = BacktestService(reader=nothing, rules=nothing, paging=nothing, clock=FakeClock())
    text = FILE.replace("MORE", "").replace("EVERY", "30s").encode()
    with pytest.raises(BacktestUnknowableError, match="queue_deep cannot be tried"):
        await service.replay(WorkspaceId("acme"), Trial(text, START, START.replace(day=2)))
