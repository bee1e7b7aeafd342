import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.deliveries.notices import SECRET

from tidegate.deliveries.formats.signing import headers_of, is_secret, new_secret, sign, verify

ID, AT, BODY = "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}'


def test_the_vector_of_the_specification_is_signed_the_same() -> None:
    assert sign(SECRET, ID, AT, BODY) == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_during_an_overlap_both_secrets_prove_the_same_request() -> None:
    old, new = new_secret(), new_secret()
    headers = headers_of([new, old], ID, AT, BODY)
    assert len(headers["webhook-signature"].split(" ")) == 2
    assert verify(old, headers, BODY, now_s=AT)
    assert verify(new, headers, BODY, now_s=AT)
    assert not verify(new_secret(), headers, BODY, now_s=AT)


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_no_other_body_is_proven_by_a_signature(body: bytes, other: bytes) -> None:
    headers = headers_of([SECRET], ID, AT, body)
    assert verify(SECRET, headers, other, now_s=AT) is (body == other)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"webhook-timestamp": str(AT + 1)}, id="another moment"),
        pytest.param({"webhook-id": "msg_x"}, id="another id"),
        pytest.param({"webhook-signature": "v1"}, id="no comma"),
        pytest.param({"webhook-signature": "v1,é"}, id="no base64"),
        pytest.param({"webhook-timestamp": "hello"}, id="no moment"),
        pytest.param({"webhook-signature": ""}, id="none"),
    ],
)
def test_what_was_altered_proves_nothing(changes: dict[str, str]) -> None:
    assert not verify(SECRET, headers_of([SECRET], ID, AT, BODY) | changes, BODY, now_s=AT)


@pytest.mark.parametrize("late_s", [-301, 301])
def test_an_old_or_early_request_is_not_believed(late_s: int) -> None:
    assert not verify(SECRET, headers_of([SECRET], ID, AT, BODY), BODY, now_s=AT + late_s)


def test_secrets_that_are_made_are_secrets_and_differ() -> None:
    assert is_secret(new_secret())
    assert new_secret() != new_secret()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "whsec_",
        "whsec_" + base64.b64encode(b"x" * 23).decode(),
        "whsec_" + base64.b64encode(b"x" * 65).decode(),
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n",
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa_-",
    ],
)
def test_what_is_no_secret_of_the_specification_is_none(text: str) -> None:
    assert not is_secret(text)
