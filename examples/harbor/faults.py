"""Switches that plant faults in a running harbor: a file that the service looks at before each use.

A file needs no port, no secret and no running service, and its permissions are its protection: whoever may write
the data directory may plant faults, nobody else.
"""

import json
import logging
import os
import tempfile
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType

logger = logging.getLogger("harbor.faults")


class Fault(StrEnum):
    FAILING_SIGN_INS = "failing-sign-ins"
    AUTHORIZATION_HOLE = "authorization-hole"
    BROKEN_OUTPUT_SCHEMA = "broken-output-schema"
    CROSS_TENANT_HOLE = "cross-tenant-hole"
    POLICY_BLOCKS = "policy-blocks"
    EXPENSIVE_RUNS = "expensive-runs"
    SLOW_ROUTE = "slow-route"
    DEAD_LETTERS = "dead-letters"


MEANINGS: Mapping[Fault, str] = MappingProxyType(
    {
        Fault.FAILING_SIGN_INS: "three of four sign-ins with the right password answer 401",
        Fault.AUTHORIZATION_HOLE: "a viewer of any tenant can read another tenant's document by its id",
        Fault.BROKEN_OUTPUT_SCHEMA: "one of three assistant runs answers outside its output schema",
        Fault.CROSS_TENANT_HOLE: "one of ten document reads hands out a document of another tenant",
        Fault.POLICY_BLOCKS: "the prompt policy denies every other question",
        Fault.EXPENSIVE_RUNS: "assistant runs go to a model that costs some three dollars a run",
        Fault.SLOW_ROUTE: "listing and reading documents take 0.9 s",
        Fault.DEAD_LETTERS: "one of three jobs fails until it is given up",
    }
)

NONE_ON: Mapping[Fault, bool] = MappingProxyType(dict.fromkeys(Fault, False))


class FaultFileError(Exception):
    """The switch file is there and cannot be understood."""


def read_faults(path: Path) -> Mapping[Fault, bool]:
    """Return every switch; a file that is not there means that all are off.

    Raises:
        FaultFileError: the file holds something else than switches.
    """
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return NONE_ON
    except (OSError, ValueError) as error:
        raise FaultFileError(f"{path} cannot be read as fault switches: {error}") from error
    if not isinstance(raw, dict) or not all(isinstance(state, bool) for state in raw.values()):
        raise FaultFileError(f"{path} must hold an object of fault names and true or false.")
    unknown = sorted(set(raw) - set(Fault))
    if unknown:
        raise FaultFileError(f"{path} names unknown faults: {', '.join(unknown)}.")
    return {fault: raw.get(fault.value, False) for fault in Fault}


def write_faults(path: Path, switches: Mapping[Fault, bool]) -> None:
    """Replace the switch file as a whole, so that a reader never sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".faults-")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump({fault.value: switches.get(fault, False) for fault in Fault}, file, indent=2)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


class FaultSwitches:
    """What the service asks; re-reads the file only when it was replaced (one `stat` a question, 2 µs)."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._seen: tuple[int, int] | None = None
        self._switches = NONE_ON

    def is_on(self, fault: Fault) -> bool:
        self._refresh()
        return self._switches[fault]

    def _refresh(self) -> None:
        if self._path is None:
            return
        try:
            status = self._path.stat()
            seen = (status.st_ino, status.st_mtime_ns)
        except OSError:
            self._seen, self._switches = None, NONE_ON
            return
        if seen == self._seen:
            return
        # A broken file keeps the switches of before: a typo must not change how the service behaves.
        self._seen = seen
        try:
            self._switches = read_faults(self._path)
        except FaultFileError:
            logger.exception("fault switches not changed")
