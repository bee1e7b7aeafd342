"""The same against a real Prometheus server."""

import shutil
import time
from pathlib import Path

import pytest
from tests.contract.prom_sources.conftest import Desk
from tests.contract.prometheus.test_against_prometheus import prometheus

from tidegate.prom_sources.errors import PromUnansweredError, Why

pytestmark = pytest.mark.skipif(
    shutil.which("prometheus") is None or shutil.which("promtool") is None, reason="there is no Prometheus here to ask"
)


async def test_a_prometheus_is_asked_and_what_it_refuses_or_cuts_off_is_no_answer(
    desk_now: Desk, tmp_path: Path
) -> None:
    at = int(time.time()) - 20
    depths = [f'depth{{n="{number}",service="pay"}} {number} {at}' for number in range(1_100)]
    async with prometheus(tmp_path, "\n".join(["# TYPE depth gauge", *depths, "# EOF", ""])) as client:
        await desk_now.set(f"http://{client.base_url.host}:{client.base_url.port}")
        [one] = (await desk_now.ask("max by (service) (depth)")).series
        assert (one.labels, one.value) == ((("service", "pay"),), 1_099)
        assert (await desk_now.ask("vector(0) / 0")).unknown == ((),)
        assert [one.value for one in (await desk_now.ask("scalar(max(depth))")).series] == [1_099]
        assert (await desk_now.ask("nothing_of_this_name")).series == ()
        assert len((await desk_now.ask("topk(1000, depth)")).series) == 1_000
        wrong = {"sum(": Why.REFUSED, "depth[5m]": Why.NO_VECTOR, '"text"': Why.NO_VECTOR}
        for query, why in wrong.items():
            with pytest.raises(PromUnansweredError) as raised:
                await desk_now.ask(query)
            assert raised.value.why is why
        with pytest.raises(PromUnansweredError) as raised:
            await desk_now.ask("depth")
        assert raised.value.why in {Why.PARTIAL, Why.TOO_MANY}  # older servers know no limit
