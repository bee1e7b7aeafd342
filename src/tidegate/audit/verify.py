"""Proves an exported audit without a server: the chain, the signed heads, the seal, and heads that were kept elsewhere.

Imports the standard library, `cryptography` and the byte forms beside it, so that whoever does not trust the
installation can read all of what judges it.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from typing import Any, Final, NoReturn

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from tidegate.audit.canonical import (
    EXPORT_FORMAT,
    HANDOVER_FIELDS,
    HEAD_FIELDS,
    KEY_PREFIX,
    RECORD_FIELDS,
    SEAL_FIELDS,
    canonical_json,
    genesis_of,
    handover_bytes,
    hash_of,
    head_bytes,
    key_name_of,
    seal_bytes,
)

__all__ = ["AuditTamperedError", "Flaw", "Proven", "VerifyInputError", "read_anchors", "read_keys", "verify_export"]

_HASH_BYTES: Final = 32
_RECORD_LINE: Final = frozenset({"kind", "record", "prev", "hash"})
_HANDOVER_LINE: Final = frozenset({"kind", "handover", "signature", "accepted"})
_HEADER_LINE: Final = frozenset({"kind", "format", "workspace", "genesis", "count"})


class Flaw(StrEnum):
    """What is wrong with a file."""

    LINE_UNREADABLE = "line_unreadable"
    HEADER_WRONG = "header_wrong"
    CHAIN_MISSING = "chain_missing"
    RECORD_CHANGED = "record_changed"
    RECORD_MISSING = "record_missing"
    RECORD_OUT_OF_PLACE = "record_out_of_place"
    TAIL_CUT = "tail_cut"
    FORK = "fork"
    WRONG_KEY = "wrong_key"
    SIGNATURE_WRONG = "signature_wrong"
    FILE_CHANGED = "file_changed"


class AuditTamperedError(Exception):
    """The file does not prove what it says; the first thing that is wrong."""

    def __init__(self, flaw: Flaw, sentence: str, *, line: int, seq: int | None = None) -> None:
        super().__init__(sentence)
        self.flaw = flaw
        self.sentence = sentence
        self.line = line
        """Of the file, from 1; 0 when it is no one line."""
        self.seq = seq
        """Of the first bad record; `None` when it is none."""


class VerifyInputError(Exception):
    """A key or an anchor cannot be read: nothing was verified."""


@dataclass(frozen=True, slots=True)
class Proven:
    """What a file proves."""

    workspace: str
    count: int
    hash: str
    sealed_at: str
    """When the installation vouched for all of it."""
    key: str
    heads: int
    anchors: int


def read_keys(texts: Iterable[str]) -> dict[str, Ed25519PublicKey]:
    """Return public keys by name; each text is `ed25519:` and 64 hexadecimal digits.

    Raises:
        VerifyInputError: one of them is no such key.
    """
    keys = {}
    for text in texts:
        try:
            raw = bytes.fromhex(text.strip().removeprefix(KEY_PREFIX))
            keys[key_name_of(raw)] = Ed25519PublicKey.from_public_bytes(raw)
        except ValueError as error:
            raise VerifyInputError(
                f"{text[:80]!r} is no public key: `tidegate audit key` prints one, {KEY_PREFIX} and 64 digits."
            ) from error
    if not keys:
        raise VerifyInputError("No key is given: `tidegate audit key` prints the one of an installation.")
    return keys


def read_anchors(text: str) -> list[dict[str, Any]]:
    """Return the signed heads in `text`: what `tidegate audit head` printed, or an older export.

    Raises:
        VerifyInputError: there is none.
    """
    try:
        documents = [json.loads(text)]
    except ValueError:
        try:
            documents = [json.loads(line) for line in text.splitlines() if line.strip()]
        except ValueError as error:
            raise VerifyInputError("The file of heads is neither JSON nor lines of JSON.") from error
    found = [each for each in documents if isinstance(each, dict) and each.get("kind") in {"head", "seal"}]
    if not found:
        raise VerifyInputError("The file of heads holds no signed head: `tidegate audit head` prints one.")
    return found


def verify_export(
    lines: Iterable[bytes], *, keys: Mapping[str, Ed25519PublicKey], anchors: Sequence[Mapping[str, Any]] = ()
) -> Proven:
    """Return what the lines of an export prove, read one after the other.

    Raises:
        AuditTamperedError: the first thing that is wrong.
    """
    reader = _Reader(keys)
    number = 0
    for number, line in enumerate(lines, start=1):
        reader.read(number, line)
    proven = reader.finish(number + 1)
    for anchor in anchors:
        reader.compare(anchor)
    return Proven(**proven, anchors=len(anchors))


@dataclass
class _Reader:
    """Reads an export line by line and remembers the hashes of its records: 32 bytes each."""

    keys: Mapping[str, Ed25519PublicKey]
    """Those that were given; whoever reads trusts them."""
    followed: dict[str, Ed25519PublicKey] = field(default_factory=dict)
    """Later keys that one of those vouches for, through the hand-overs in the file."""
    earlier: dict[str, tuple[Ed25519PublicKey, str]] = field(default_factory=dict)
    """Keys that a trusted one took the place of, and until when: good for heads of before, and no seal."""
    workspace: str = ""
    wanted: int = 0
    """How many records the header says."""
    genesis: bytes = b""
    hashes: bytearray = field(default_factory=bytearray)
    agreed: int = 0
    """Up to here a signed head agrees with the records."""
    heads: int = 0
    handovers: list[tuple[int, Mapping[str, Any]]] = field(default_factory=list)
    """The hand-overs of the file, with their lines."""
    seal: Mapping[str, Any] | None = None
    digest: Any = field(default_factory=sha256)
    """Of all lines so far."""

    @property
    def count(self) -> int:
        return len(self.hashes) // _HASH_BYTES

    def hash_at(self, seq: int) -> bytes:
        return bytes(self.hashes[(seq - 1) * _HASH_BYTES : seq * _HASH_BYTES]) if seq else self.genesis

    def read(self, number: int, line: bytes) -> None:
        content = _content_of(number, line)
        kind = content.get("kind")
        if self.seal is not None:
            _fail(Flaw.FILE_CHANGED, "Something stands behind the seal.", number)
        if number == 1:
            self._read_header(content)
        elif kind == "record" and not (self.heads or self.handovers):
            self._read_record(number, content)
        elif kind == "handover" and not self.heads:
            self._check_complete(number)
            self._read_handover(number, content)
        elif kind in {"head", "seal"}:
            self._check_complete(number)
            self._read_signed(number, content, str(kind))
        else:
            _fail(Flaw.LINE_UNREADABLE, f"Line {number} stands where no {str(kind)[:20]!r} belongs.", number)
        self.digest.update(line)

    def finish(self, number: int) -> dict[str, Any]:
        if number == 1:
            _fail(Flaw.CHAIN_MISSING, "The file is empty: there is no chain in it.", 0)
        self._check_complete(number)
        if self.seal is None:
            words = f"The file ends behind record {self.count} without its seal: its end was cut off."
            _fail(Flaw.TAIL_CUT, words, number, self.count + 1)
        return {
            "workspace": self.workspace,
            "count": self.count,
            "hash": self.hash_at(self.count).hex(),
            "sealed_at": str(self.seal["signedAt"]),
            "key": str(self.seal["key"]),
            "heads": self.heads,
        }

    def compare(self, anchor: Mapping[str, Any]) -> None:
        """Compare the file with a head that was kept elsewhere."""
        kind = str(anchor.get("kind"))
        head = self._proven(0, anchor, kind)
        if head["workspace"] != self.workspace:
            words = f"The kept head is of workspace {head['workspace']!r}, and its chain is not in this file."
            _fail(Flaw.CHAIN_MISSING, words, 0)
        if not self.count and head["seq"]:
            words = f"The kept head knows {head['seq']} records of this workspace, and the file holds none."
            _fail(Flaw.CHAIN_MISSING, words, 0, 1)
        self._agree(0, head)

    def _read_header(self, content: Mapping[str, Any]) -> None:
        workspace, count = content.get("workspace"), content.get("count")
        if set(content) != _HEADER_LINE or content["kind"] != "header" or content["format"] != EXPORT_FORMAT:
            _fail(Flaw.HEADER_WRONG, f"The first line is no header of the format {EXPORT_FORMAT}.", 1)
        if not isinstance(workspace, str) or type(count) is not int or count < 0:
            _fail(Flaw.HEADER_WRONG, "The header does not say its workspace and how many records follow.", 1)
        self.workspace, self.wanted, self.genesis = workspace, count, genesis_of(workspace)
        if content["genesis"] != self.genesis.hex():
            _fail(Flaw.HEADER_WRONG, f"The genesis is not that of workspace {workspace!r}.", 1)

    def _read_record(self, number: int, content: Mapping[str, Any]) -> None:
        expected = self.count + 1
        record = content.get("record")
        if set(content) != _RECORD_LINE or not isinstance(record, dict) or set(record) != RECORD_FIELDS:
            _fail(Flaw.RECORD_CHANGED, f"Record {expected} has not the fields of a record.", number, expected)
        seq = record["seq"]
        if type(seq) is int and seq > expected:
            _fail(Flaw.RECORD_MISSING, f"Record {expected} is missing: {seq} follows {expected - 1}.", number, expected)
        if seq != expected:
            words = f"Behind record {expected - 1} stands {str(seq)[:20]}: it was moved or put in."
            _fail(Flaw.RECORD_OUT_OF_PLACE, words, number, expected)
        previous = self.hash_at(self.count)
        digest = hash_of(previous, record)
        if record["workspace"] != self.workspace:
            words = f"Record {seq} belongs to another workspace."
            _fail(Flaw.RECORD_CHANGED, words, number, expected)
        if content["prev"] != previous.hex() or content["hash"] != digest.hex():
            words = f"Record {seq} does not follow from the one before it: it, or its hash, was changed."
            _fail(Flaw.RECORD_CHANGED, words, number, expected)
        self.hashes += digest

    def _check_complete(self, number: int) -> None:
        if self.count == self.wanted:
            return
        if not self.count:
            words = f"The header says {self.wanted} records, and there is none: the chain is missing."
            _fail(Flaw.CHAIN_MISSING, words, number, 1)
        if self.count < self.wanted:
            words = (
                f"The header says {self.wanted} records, and the file ends behind {self.count}: its end was cut off."
            )
            _fail(Flaw.TAIL_CUT, words, number, self.count + 1)
        words = f"There are more records than the {self.wanted} of the header."
        _fail(Flaw.HEADER_WRONG, words, number, self.wanted + 1)

    def _read_signed(self, number: int, content: Mapping[str, Any], kind: str) -> None:
        signed = self._proven(number, content, kind)
        if signed["workspace"] != self.workspace:
            _fail(Flaw.FILE_CHANGED, f"The signed head in line {number} is of another workspace.", number)
        self._agree(number, signed)
        if kind == "head":
            self.heads += 1
            return
        if signed["seq"] != self.count or signed["heads"] != self.heads or signed["digest"] != self.digest.hexdigest():
            _fail(
                Flaw.FILE_CHANGED,
                "The seal was made for other lines than these: some were changed or left out.",
                number,
            )
        self.seal = signed

    def _read_handover(self, number: int, content: Mapping[str, Any]) -> None:
        """Trust the successor of a trusted key; of the one before a trusted key, what it signed before."""
        handover, signature, accepted = (content.get(name) for name in ("handover", "signature", "accepted"))
        if not isinstance(handover, dict) or set(handover) != HANDOVER_FIELDS or set(content) != _HANDOVER_LINE:
            _fail(Flaw.SIGNATURE_WRONG, f"Line {number} has not the fields of a hand-over.", number)
        try:
            [(old, old_key)] = read_keys([str(handover["from"])]).items()
            [(new, new_key)] = read_keys([str(handover["to"])]).items()
            old_key.verify(bytes.fromhex(str(signature)), handover_bytes(handover))
            new_key.verify(bytes.fromhex(str(accepted)), handover_bytes(handover))
        except (ValueError, VerifyInputError, InvalidSignature):
            words = f"The hand-over of keys in line {number} is not signed by both: it was changed."
            _fail(Flaw.SIGNATURE_WRONG, words, number)
        self.handovers.append((number, handover))
        if old in self.keys or old in self.followed:
            self.followed[new] = new_key
        # From the newest back: each hand-over to a trusted key tells of one key more.
        for _, each in reversed(self.handovers):
            [(before, key)] = read_keys([each["from"]]).items()
            [(after, _)] = read_keys([each["to"]]).items()
            if after in self.keys or after in self.followed or after in self.earlier:
                self.earlier.setdefault(before, (key, str(each["endsAt"])))

    def _key_for(self, signed: Mapping[str, Any], kind: str) -> Ed25519PublicKey | None:
        name = str(signed["key"])
        found = self.keys.get(name) or self.followed.get(name)
        if found is not None or kind == "seal" or name not in self.earlier:
            return found
        key, until = self.earlier[name]
        # One form of moments, so their order is that of their texts.
        return key if str(signed["signedAt"]) <= until else None

    def _agree(self, number: int, signed: Mapping[str, Any]) -> None:
        seq = signed["seq"]
        if seq > self.count:
            words = f"A signed head of {signed['signedAt']} knows {seq} records, and the file ends behind {self.count}."
            _fail(Flaw.TAIL_CUT, words, number, self.count + 1)
        if signed["count"] != seq or signed["hash"] != self.hash_at(seq).hex():
            words = (
                f"The records up to {seq} are not those that were signed on {signed['signedAt']}: another chain was "
                f"made, which parts from the signed one between record {self.agreed + 1} and {seq}."
            )
            _fail(Flaw.FORK, words, number, self.agreed + 1)
        self.agreed = max(self.agreed, seq)

    def _proven(self, number: int, content: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
        """Return what was signed, having checked its signature."""
        signed, signature = content.get(kind), content.get("signature")
        where = f"line {number}" if number else "the kept head"
        fields = SEAL_FIELDS if kind == "seal" else HEAD_FIELDS
        if not isinstance(signed, dict) or set(signed) != fields or not isinstance(signature, str):
            _fail(Flaw.SIGNATURE_WRONG, f"The signed head in {where} has not the fields of one.", number)
        if number and set(content) != {"kind", kind, "signature"}:
            _fail(Flaw.FILE_CHANGED, f"{where} says more than was signed.", number)
        key = self._key_for(signed, kind)
        if key is None:
            words = f"The signed head in {where} is by the key {str(signed['key'])[:40]!r}, and that was not given."
            _fail(Flaw.WRONG_KEY, words, number)
        try:
            raw = bytes.fromhex(signature)
            key.verify(raw, seal_bytes(signed) if kind == "seal" else head_bytes(signed))
        except (ValueError, InvalidSignature):
            _fail(
                Flaw.SIGNATURE_WRONG,
                f"The signature in {where} does not fit: it, or what it signs, was changed.",
                number,
            )
        if raw.hex() != signature:
            _fail(Flaw.FILE_CHANGED, f"The signature in {where} is not written as it was.", number)
        return signed


def _content_of(number: int, line: bytes) -> dict[str, Any]:
    """Return a line of JSON that is written in its one form, so that no byte of it can be another."""
    try:
        content = json.loads(line)
        is_ours = isinstance(content, dict) and canonical_json(content) + b"\n" == line
    except (ValueError, RecursionError):
        is_ours = False
    if not is_ours:
        _fail(Flaw.LINE_UNREADABLE, f"Line {number} is not a line as it is exported: it was changed.", number)
    found: dict[str, Any] = content
    return found


def _fail(flaw: Flaw, sentence: str, line: int, seq: int | None = None) -> NoReturn:
    raise AuditTamperedError(flaw, sentence, line=line, seq=seq)
