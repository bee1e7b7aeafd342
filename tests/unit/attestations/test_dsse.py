"""DSSE envelopes: what is signed, what is read, and what must never verify."""

import base64
import json
import random
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from tidegate.attestations import (
    PAYLOAD_TYPE,
    Envelope,
    EnvelopeSignature,
    EnvelopeUnreadableError,
    KeyUnreadableError,
    PrivateKey,
    SignaturesInsufficientError,
    new_private_key,
    pae,
    read_envelope,
    read_private_key,
    read_public_key,
    sign,
    signers_of,
    verify,
    write_envelope,
)

HELLO = "http://example.com/HelloWorld"


def p256() -> PrivateKey:
    key = ec.generate_private_key(ec.SECP256R1())
    return read_private_key(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def test_what_is_signed_is_the_vector_of_the_specification() -> None:
    assert pae(HELLO, b"hello world") == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    assert pae("ü", b"") == b"DSSEv1 2 \xc3\xbc 0 "  # lengths count bytes


def test_the_signature_of_the_specifications_example_verifies() -> None:
    # protocol.md of secure-systems-lab/dsse: ECDSA P-256 over the vector above.
    x = 46950820868899156662930047687818585632848591499744589407958293238635476079160
    y = 5640078356564379163099075877009565129882514886557779369047442380624545832820
    public = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
    key = read_public_key(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    raw = base64.b64decode("A3JqsQGtVsJ2O2xqrI5IcnXip5GToJ3F+FnZ+O88SjtR6rDAajabZKciJTfUiHqJPcIAriEGAHTVeCUjW2JIZA==")
    der = encode_dss_signature(int.from_bytes(raw[:32]), int.from_bytes(raw[32:]))
    envelope = Envelope(b"hello world", HELLO, (EnvelopeSignature(der),))
    assert signers_of(envelope, [key]) == (key,)


@pytest.mark.parametrize("make", [new_private_key, p256], ids=["ed25519", "ecdsa-p256"])
def test_what_was_signed_is_read_and_verified_again(make: Callable[[], PrivateKey]) -> None:
    key = make()
    written = write_envelope(sign(b'{"a":1}', PAYLOAD_TYPE, [key]))
    found = verify(read_envelope(written), [new_private_key().public, key.public])
    assert (found.payload, found.payload_type, found.keys) == (b'{"a":1}', PAYLOAD_TYPE, (key.public,))
    assert read_private_key(key.pem()).public == key.public
    assert read_public_key(key.public.pem) == key.public


def test_a_key_counts_once_however_often_and_under_however_many_names_it_stands_there() -> None:
    one, two = new_private_key(), new_private_key()
    signed = sign(b"x", PAYLOAD_TYPE, [one, one])
    twice = Envelope(signed.payload, signed.payload_type, (*signed.signatures, *signed.signatures))
    with pytest.raises(SignaturesInsufficientError) as refused:
        verify(twice, [one.public, read_public_key(one.public.pem), two.public], threshold=2)
    assert (refused.value.found, refused.value.wanted) == (1, 2)
    both = sign(b"x", PAYLOAD_TYPE, [one, two])
    assert len(verify(both, [two.public, one.public], threshold=2).keys) == 2


def test_a_key_id_decides_nothing() -> None:
    one, two = new_private_key(), new_private_key()
    signed = sign(b"x", PAYLOAD_TYPE, [one])
    posing = Envelope(b"x", PAYLOAD_TYPE, (EnvelopeSignature(signed.signatures[0].signature, two.public.fingerprint),))
    assert signers_of(posing, [two.public]) == ()
    assert signers_of(posing, [one.public]) == (one.public,)


def test_another_type_or_other_bytes_are_not_what_was_signed() -> None:
    key = new_private_key()
    signed = sign(b"x", PAYLOAD_TYPE, [key])
    for other in (Envelope(b"y", PAYLOAD_TYPE, signed.signatures), Envelope(b"x", "text/plain", signed.signatures)):
        with pytest.raises(SignaturesInsufficientError):
            verify(other, [key.public])


def test_a_threshold_below_one_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="threshold"):
        verify(sign(b"x", PAYLOAD_TYPE, []), [], threshold=0)


@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode], ids=["standard", "url-safe"])
@pytest.mark.parametrize("is_padded", [True, False])
def test_both_alphabets_of_base64_are_read(encode: Callable[[bytes], bytes], *, is_padded: bool) -> None:
    payload = bytes(range(256)) + b"\xff"
    text = encode(payload).decode()
    sent = {"payload": text if is_padded else text.rstrip("="), "payloadType": "t", "signatures": [{"sig": "AA=="}]}
    assert read_envelope(json.dumps(sent).encode()).payload == payload


def good() -> dict[str, object]:
    return {"payload": "eA==", "payloadType": PAYLOAD_TYPE, "signatures": [{"sig": "AA=="}]}


@pytest.mark.parametrize(
    "text",
    [
        pytest.param('{"payload":"eA==","payload":"eQ==","payloadType":"t","signatures":[{"sig":"AA=="}]}', id="twice"),
        pytest.param(json.dumps(good() | {"payload": "eA"[:1]}), id="no base64"),
        pytest.param(json.dumps(good() | {"payload": "eB=="}), id="bits behind the last byte"),
        pytest.param(json.dumps(good() | {"payload": "-_+/"}), id="both alphabets"),
        pytest.param(json.dumps(good() | {"payload": "eA==\n"}), id="white space"),
        pytest.param(json.dumps(good() | {"payload": 1}), id="a number"),
        pytest.param(json.dumps(good() | {"payloadType": ""}), id="no type"),
        pytest.param(json.dumps(good() | {"signatures": []}), id="no signature"),
        pytest.param(json.dumps(good() | {"signatures": [{"sig": "AA=="}] * 33}), id="too many signatures"),
        pytest.param(json.dumps(good() | {"signatures": ["AA=="]}), id="a signature that is no object"),
        pytest.param(json.dumps([good()]), id="a list"),
        pytest.param('{"payload": NaN}', id="no number"),
        pytest.param('{"a": 1e999}', id="too large a number"),
        pytest.param('{"a": "\\ud800"}', id="half a character"),
        pytest.param("[" * 100_000, id="nested"),
        pytest.param("[" * 100 + "]" * 100, id="nested and closed"),
        pytest.param("", id="nothing"),
    ],
)
def test_what_could_be_read_in_two_ways_or_in_none_is_refused(text: str) -> None:
    with pytest.raises(EnvelopeUnreadableError):
        read_envelope(text.encode())


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(EnvelopeUnreadableError, match="UTF-8"):
        read_envelope(b"\xff\xfe")


def mutations(count: int, *, seed: int) -> None:
    """Change one byte at a time: nothing that verifies says anything else than what was signed."""
    chosen, keys = random.Random(seed), [new_private_key(), p256()]
    written = write_envelope(sign(b'{"verdict":"no_go"}', PAYLOAD_TYPE, keys))
    public = [key.public for key in keys]
    for _ in range(count):
        place = chosen.randrange(len(written))
        changed = bytearray(written)
        changed[place] ^= 1 << chosen.randrange(8)
        try:
            found = read_envelope(bytes(changed))
            signers = signers_of(found, public)
        except EnvelopeUnreadableError:
            continue
        if len(signers) == len(keys):  # then only a hint changed, or an unknown name
            assert (found.payload, found.payload_type) == (b'{"verdict":"no_go"}', PAYLOAD_TYPE)


def test_no_single_changed_bit_makes_it_say_something_else() -> None:
    mutations(1_500, seed=1)


@pytest.mark.long
def test_none_of_many_changed_bits_makes_it_say_something_else() -> None:
    mutations(50_000, seed=2)


def _pem(key: object) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)  # type: ignore[attr-defined]


def _ed25519_pem(raw: str) -> bytes:
    der = bytes.fromhex("302a300506032b6570032100" + raw)
    return b"-----BEGIN PUBLIC KEY-----\n" + base64.b64encode(der) + b"\n-----END PUBLIC KEY-----\n"


@pytest.mark.parametrize(
    "pem",
    [
        pytest.param(_pem(ec.generate_private_key(ec.SECP384R1())), id="another curve"),
        pytest.param(_pem(rsa.generate_private_key(65537, 2048)), id="RSA"),
        pytest.param(new_private_key().pem(), id="a private key"),
        pytest.param(b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----", id="rubbish"),
        pytest.param(b"x" * 5_000, id="long"),
        pytest.param(_ed25519_pem("01" + "00" * 31), id="of small order"),
        pytest.param(_ed25519_pem("ec" + "ff" * 30 + "ff"), id="of small order with a sign"),
    ],
)
def test_a_key_that_proves_nothing_is_refused(pem: bytes) -> None:
    with pytest.raises(KeyUnreadableError):
        read_public_key(pem)


@pytest.mark.parametrize("pem", [b"", new_private_key().public.pem.encode()])
def test_what_is_no_private_key_signs_nothing(pem: bytes) -> None:
    with pytest.raises(KeyUnreadableError):
        read_private_key(pem)
