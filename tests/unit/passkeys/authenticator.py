"""An authenticator in software: makes key pairs and signs, and can be told to do each thing wrong."""

import hashlib
import json
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

ORIGIN = "http://tidegate.test"
_PRESENT, _VERIFIED, _HAS_KEY = 0x01, 0x04, 0x40


def encoded(content: bytes) -> str:
    return urlsafe_b64encode(content).decode().rstrip("=")


@dataclass
class Credential:
    """One passkey, with its private key."""

    id: bytes
    rp_id: str
    user_handle: str
    key: ec.EllipticCurvePrivateKey
    count: int = 0


@dataclass
class Authenticator:
    """Answers what a browser hands to it; `changes` of an answer are what a broken or hostile one would do."""

    origin: str = ORIGIN
    counts: bool = True
    credentials: list[Credential] = field(default_factory=list)

    def create(self, options: Mapping[str, Any], **changes: Any) -> str:
        """Return a new credential as `passkeys.js` sends it."""
        rp_id = changes.get("rp_id", options["rp"]["id"])
        made = Credential(
            changes.get("id", secrets.token_bytes(32)),
            rp_id,
            options["user"]["id"],
            ec.generate_private_key(ec.SECP256R1()),
        )
        self.credentials.append(made)
        data = self._data(made, changes, _HAS_KEY) + bytes(16) + len(made.id).to_bytes(2, "big") + made.id
        data += _cose_of(made.key)
        response = {
            "clientDataJSON": self._client_data("webauthn.create", options, changes),
            "attestationObject": encoded(cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})),
        }
        return _sent(made, response)

    def get(self, options: Mapping[str, Any], **changes: Any) -> str:
        """Return the answer of the credential that was made last."""
        used = self.credentials[-1]
        used.count = changes.get("count", used.count + 1 if self.counts else 0)
        data = self._data(used, changes, 0)
        client_data = self._client_data("webauthn.get", options, changes)
        signed = data + hashlib.sha256(_decoded(client_data)).digest()
        key = changes.get("key", used.key)
        response = {
            "clientDataJSON": client_data,
            "authenticatorData": encoded(data),
            "signature": encoded(key.sign(signed, ec.ECDSA(hashes.SHA256()))),
            "userHandle": changes.get("user_handle", used.user_handle),
        }
        return _sent(used, {name: value for name, value in response.items() if value is not None})

    def _data(self, credential: Credential, changes: Mapping[str, Any], flags: int) -> bytes:
        flags |= changes.get("flags", _PRESENT | _VERIFIED)
        rp_hash = hashlib.sha256(changes.get("rp_id", credential.rp_id).encode()).digest()
        return rp_hash + bytes([flags]) + credential.count.to_bytes(4, "big")

    def _client_data(self, kind: str, options: Mapping[str, Any], changes: Mapping[str, Any]) -> str:
        document = {
            "type": changes.get("type", kind),
            "challenge": changes.get("challenge", options["challenge"]),
            "origin": changes.get("origin", self.origin),
            "crossOrigin": False,
        }
        return encoded(json.dumps(document).encode())


def _sent(credential: Credential, response: Mapping[str, str]) -> str:
    name = encoded(credential.id)
    return json.dumps({"id": name, "rawId": name, "type": "public-key", "response": response})


def _decoded(text: str) -> bytes:
    from webauthn import base64url_to_bytes

    return base64url_to_bytes(text)


def _cose_of(key: ec.EllipticCurvePrivateKey) -> bytes:
    point = key.public_key().public_numbers()
    # RFC 9053: kty EC2, alg ES256, curve P-256, x, y.
    return cbor2.dumps({1: 2, 3: -7, -1: 1, -2: point.x.to_bytes(32, "big"), -3: point.y.to_bytes(32, "big")})
