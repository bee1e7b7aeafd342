"""One who asks too often waits, and nobody else does."""

import pytest

from tidegate.edge.allowance import Allowance
from tidegate.edge.caller import Caller, Scope
from tidegate.edge.limits import RequestLimits, TooManyGuessesError, TooOftenError
from tidegate.kernel import SystemClock, WorkspaceId


def caller(actor: str = "tok_1", workspace: str = "acme") -> Caller:
    return Caller(WorkspaceId(workspace), Scope.READ, actor, by_session=False)


def limits(**allowance: int) -> RequestLimits:
    return RequestLimits(SystemClock(), Allowance(**allowance))


def test_a_credential_that_had_its_share_waits_and_its_neighbours_do_not() -> None:
    some = limits(of_credential=3, of_workspace=100)
    for _ in range(3):
        some.take(caller())
    with pytest.raises(TooOftenError, match=r"This credential may ask 3 times in 10 seconds\. Ask again in") as refused:
        some.take(caller())
    assert 0 < refused.value.retry_after_s <= 10
    some.take(caller("tok_2"))
    some.take(caller("tok_1", "other"))


def test_many_tokens_of_a_workspace_share_its_part() -> None:
    some = limits(of_credential=100, of_workspace=5)
    for number in range(5):
        some.take(caller(f"tok_{number}"))
    with pytest.raises(TooOftenError, match="This workspace may ask 5 times"):
        some.take(caller("tok_9"))
    some.take(caller("tok_9", "other"))


def test_without_a_limit_nobody_waits() -> None:
    some = limits(of_credential=0, of_workspace=0, attempts=0)
    for _ in range(5_000):
        some.take(caller())
        some.note_wrong("192.0.2.1")
    some.refuse_guessing("192.0.2.1")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param("192.0.2.1", "192.0.2.1", id="the same address"),
        pytest.param("2001:db8::1", "2001:db8:0:0:ffff:1:2:3", id="another address of the same network of IPv6"),
        pytest.param("::ffff:192.0.2.1", "192.0.2.1", id="an address of IPv4 written as one of IPv6"),
        pytest.param(None, "no address", id="senders of whom no address is known"),
    ],
)
def test_who_guesses_credentials_waits_under_every_name(first: str | None, second: str) -> None:
    some = limits(attempts=4)
    for _ in range(4):
        some.refuse_guessing(first)
        some.note_wrong(first)
    with pytest.raises(TooManyGuessesError, match="Too many wrong credentials") as refused:
        some.refuse_guessing(second)
    assert 0 < refused.value.retry_after_s <= 60
    some.refuse_guessing("198.51.100.7")
    some.refuse_guessing("2001:db8:0:1::1")
