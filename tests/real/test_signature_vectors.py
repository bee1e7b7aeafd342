"""Signatures of webhooks against vectors of the specification's own libraries, and HMAC against Wycheproof's."""

import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import pytest
from tests.real.conftest import find_input

from tidegate.deliveries.formats.signing import key_of, sign, verify

pytestmark = pytest.mark.real


def vectors(name: str) -> dict[str, Any]:
    file: Path = find_input("signature-vectors", name)
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return found


def test_every_vector_is_signed_the_same_and_believed() -> None:
    found = vectors("standard_webhooks.json")["signing"]
    assert found
    for each in found:
        body = each["payload"].encode()
        assert sign(each["secret"], each["msg_id"], each["timestamp"], body) == each["signature"]


def test_what_must_pass_passes_and_what_must_fail_fails() -> None:
    found = vectors("standard_webhooks.json")
    signed = {each["id"]: each for each in found["signing"]}
    tried = [(each, True) for each in found["must_pass"]] + [(each, False) for each in found["must_fail"]]
    assert len(tried) >= 4
    for each, is_good in tried:
        base = signed[each["of"]]
        headers = {
            "webhook-id": base["msg_id"],
            "webhook-timestamp": str(each.get("timestamp", base["timestamp"])),
            "webhook-signature": each.get("signature", base["signature"]),
        }
        body, now_s = base["payload"].encode(), base["timestamp"]
        assert verify(base["secret"], headers, body, now_s=now_s) is is_good, each


def test_the_hmac_beneath_is_that_of_wycheproof() -> None:
    groups = vectors("wycheproof_hmac_sha256_test.json")["testGroups"]
    count = 0
    for group in groups:
        for test in group["tests"]:
            made = hmac.digest(bytes.fromhex(test["key"]), bytes.fromhex(test["msg"]), hashlib.sha256)
            is_same = made[: group["tagSize"] // 8].hex() == test["tag"]
            assert is_same is (test["result"] == "valid"), test["tcId"]
            count += 1
    assert count > 100
    assert key_of("whsec_AAAA") == b"\0\0\0"
