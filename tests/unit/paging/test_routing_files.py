"""What is wrong in a routing file is named, with what could stand there."""

import pytest

from tidegate.alerts.paging.errors import RoutingInvalidError
from tidegate.alerts.paging.model import spoken_route
from tidegate.alerts.paging.routing_files import parse_routing


@pytest.mark.parametrize(
    ("text", "field", "known"),
    [
        pytest.param(b"route: {channels: [ops]}", "route.channels", "receiver", id="of a route"),
        pytest.param(b"route: {}\nreceivers: []", "receivers", "inhibit_rules", id="of the file"),
        pytest.param(b"route: {routes: [{to: ops}]}", "route.routes.0.to", "matchers", id="of a route below"),
        pytest.param(b"route: {}\nwatchdog: {receiver: a, each: 5m}", "watchdog.each", "every", id="of the watchdog"),
    ],
)
def test_a_field_that_is_not_known_is_answered_with_those_that_are(text: bytes, field: str, known: str) -> None:
    with pytest.raises(RoutingInvalidError, match=rf"there is no such field\. Known here: .*{known}") as raised:
        parse_routing(text)
    assert raised.value.field == field


def test_sentences_call_the_root_by_a_word() -> None:
    assert spoken_route("{}") == "the first route"
    assert spoken_route('{}/{severity="P1"}') == 'route {}/{severity="P1"}'
