"""Which addresses are on the internet, and what the operator's list says."""

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.egress import Allowances, EgressAllowInvalidError, parse_allowances
from tidegate.egress.addresses import innermost, is_public, parse_address

INSIDE = [
    "127.0.0.1", "127.255.255.254", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.0.1", "169.254.169.254",
    "100.64.0.1", "0.0.0.0",  # noqa: S104 - nobody listens there
    "0.1.2.3", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
    "192.0.0.192", "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "192.88.99.1",
    "::", "::1", "::127.0.0.1", "fe80::1", "fe80::1%eth0", "fec0::1", "fc00::1", "fd00:ec2::254", "ff02::1",
    "2001:db8::1", "2001::1", "100::1", "64:ff9b:1::1", "3fff::1", "5f00::1",
    "::ffff:127.0.0.1", "::ffff:7f00:1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "64:ff9b::127.0.0.1",
    "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "2002:a9fe:a9fe::1", "2002:0a00:0001::", "::ffff:0:127.0.0.1",
]  # fmt: skip
OUTSIDE = [
    "1.1.1.1", "8.8.8.8", "93.184.215.14", "172.32.0.1", "2606:4700:4700::1111", "2a00:1450:4001:81b::200e",
    "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::1",
]  # fmt: skip


@pytest.mark.parametrize("text", INSIDE)
def test_an_address_that_is_not_on_the_internet_is_seen_in_every_form(text: str) -> None:
    address = parse_address(text)
    assert address is not None
    assert not is_public(address)


@pytest.mark.parametrize("text", OUTSIDE)
def test_an_address_of_the_internet_is_public(text: str) -> None:
    address = parse_address(text)
    assert address is not None
    assert is_public(address)


@given(st.ip_addresses(v=4), st.sampled_from(["::ffff:", "64:ff9b::"]))
def test_an_address_inside_another_is_judged_like_itself(inner: object, prefix: str) -> None:
    outer = ip_address(f"{prefix}{inner}")
    assert innermost(outer) == inner
    assert is_public(outer) is is_public(ip_address(str(inner)))


def test_the_list_allows_names_addresses_and_networks() -> None:
    allowed = parse_allowances(" IdP.Internal:8443, 127.0.0.1:9000,[::1]:443 ,10.1.0.0/16,fd00::/8,")
    assert allowed.names("idp.internal.", 8443)
    assert not allowed.names("idp.internal", 443)
    assert not allowed.names("x.idp.internal", 8443)
    for text, port, is_covered in (
        ("127.0.0.1", 9000, True),
        ("::ffff:127.0.0.1", 9000, True),
        ("127.0.0.1", 9001, False),
        ("10.1.2.3", 22, True),
        ("10.2.0.1", 443, False),
        ("fd12::1", 443, True),
        ("::1", 443, True),
    ):
        address = parse_address(text)
        assert address is not None
        assert allowed.covers(address, port) is is_covered, text


def test_nothing_allows_nothing() -> None:
    assert parse_allowances("") == parse_allowances(" , ") == Allowances()


@pytest.mark.parametrize(
    "text",
    ["idp.internal", "idp.internal:", "idp:0", "idp:65536", "idp:-1", ":443", "http://idp:443", "10.1.0.1/16", "10.0/8",
     "a b:443", "[idp]:443", "::1:443", "[127.0.0.1]:443", "*:443", "ok:443,broken", "idp:٤٤٣", "10.0.0.0/33"],
)  # fmt: skip
def test_an_entry_that_is_neither_is_named(text: str) -> None:
    with pytest.raises(EgressAllowInvalidError, match="TIDEGATE_EGRESS_ALLOW") as refused:
        parse_allowances(text)
    assert refused.value.field == "TIDEGATE_EGRESS_ALLOW"
