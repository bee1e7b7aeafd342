"""Connections that speak something else than HTTP keep to the rules of calls."""

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from tidegate.egress import EgressRefusedError, EgressStreams, Rule, parse_allowances


class Names(AbstractResolver):
    """Leads every name to one address."""

    def __init__(self, address: str) -> None:
        self._address = address

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[ResolveResult]:
        return [ResolveResult(hostname=host, host=self._address, port=port, family=2, proto=6, flags=0)]

    async def close(self) -> None:
        pass


@pytest.mark.parametrize(
    ("host", "port", "rule"),
    [
        ("127.0.0.1", 587, Rule.ADDRESS),
        ("::1", 587, Rule.ADDRESS),
        ("0x7f.1", 587, Rule.ADDRESS),
        ("2130706433", 587, Rule.ADDRESS),
        ("::ffff:7f00:1", 587, Rule.ADDRESS),
        ("169.254.169.254", 587, Rule.ADDRESS),
        ("mail.example.com", 25, Rule.PORT),
        ("mail.example.com", 22, Rule.PORT),
        ("mail.example.com", 443, Rule.PORT),
        ("mail.example.com", 0, Rule.PORT),
        ("mail.example.com", 70_000, Rule.PORT),
        ("", 587, Rule.CHARACTERS),
        ("user@mail.example.com", 587, Rule.CREDENTIALS),
        ("mail.example.com/x", 587, Rule.CHARACTERS),
        ("mail.example.com:25", 587, Rule.CHARACTERS),
        ("mail.example.com\r\n", 587, Rule.CHARACTERS),
        ("mail.example.com#", 587, Rule.CHARACTERS),
        ("mail.example.com?x", 587, Rule.CHARACTERS),
    ],
)
def test_what_a_place_says_is_checked_before_anything_is_looked_up(host: str, port: int, rule: Rule) -> None:
    with pytest.raises(EgressRefusedError) as refused:
        EgressStreams().check(host, port, is_plain=False)
    assert refused.value.rule is rule


@pytest.mark.parametrize("port", [465, 587, 2525])
def test_ports_where_mail_is_handed_in_may_be_called(port: int) -> None:
    EgressStreams().check("mail.example.com", port, is_plain=False)


def test_without_tls_only_what_the_operator_allows_is_called() -> None:
    with pytest.raises(EgressRefusedError) as refused:
        EgressStreams().check("mail.example.com", 587, is_plain=True)
    assert refused.value.rule is Rule.SCHEME
    EgressStreams(parse_allowances("mail.example.com:25")).check("mail.example.com", 25, is_plain=True)


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "64:ff9b::7f00:1"])
async def test_a_name_that_leads_inside_is_refused_when_connecting(address: str) -> None:
    streams = EgressStreams(names=Names(address))
    with pytest.raises(EgressRefusedError) as refused:
        async with streams.opened("mail.example.com", 587, begins_with_tls=False):
            pass
    assert refused.value.rule is Rule.ADDRESS
