"""Run every script with its short defaults, at most ten minutes in all; `--record` writes what they found down."""

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).with_name("RESULTS.md")
SCRIPTS = (
    "start",
    "memory",
    "ingest",
    "queries",
    "detect",
    "verdict",
    "rules",
    "authz",
    "jobs",
    "walls",
    "pages",
    "flood",
    "crash",
    "deliveries",
    "packets",
    "burn",
    "backtest",
    "paging",
    "active",
    "killed",
)
FULL: dict[str, tuple[str, ...]] = {
    "start": ("--rounds", "10"),
    "memory": ("--spans", "1000000"),
    "ingest": ("--seconds", "60", "--late-seconds", "120"),
    "queries": ("--seconds", "60", "--rounds", "100"),
    "flood": ("--seconds", "30"),
    "detect": ("--crossings", "200"),
    "verdict": ("--decisions", "1000"),
    "rules": ("--rounds", "10"),
    "authz": ("--seconds", "20"),
    "jobs": ("--jobs", "100000", "--samples", "1000"),
    "walls": ("--requests", "100000"),
    "pages": ("--blocks", "100"),
    "crash": ("--rounds", "100"),
    "deliveries": ("--count", "20000"),
    "packets": (),
    "burn": ("--rounds", "100"),
    "backtest": ("--rounds", "10"),
    "paging": ("--crossings", "200"),
    "active": ("--requests", "300"),
    "killed": ("--rounds", "200"),
}
_HOLDS = {True: "yes", False: "**no**", None: "-"}
_BUSY_CORES = 0.3  # of others: from here on times are theirs as much as ours
_RUN_LIMIT_S = 3_600


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", action="append", choices=SCRIPTS, help="one script; may be given several times")
    parser.add_argument("--full", action="store_true", help="as many rounds as the bars ask for: about an hour")
    parser.add_argument("--record", action="store_true", help=f"replace the sections of {RESULTS.name}")
    options = parser.parse_args()
    failed = []
    for script in options.only or SCRIPTS:
        found = _run(script, FULL[script] if options.full else ())
        if found is None:
            failed.append(script)
        elif options.record:
            _record(found)
    sys.exit(f"failed: {', '.join(failed)}" if failed else 0)


def _run(script: str, arguments: Sequence[str]) -> dict[str, Any] | None:
    """Run one script and return its line of JSON; `None` when it failed."""
    command = [sys.executable, "-m", f"benchmarks.{script}", *arguments]
    ran = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=_RUN_LIMIT_S, check=False)
    print(ran.stdout, end="", flush=True)
    if ran.returncode:
        return None
    found: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    return found


def _record(found: dict[str, Any]) -> None:
    """Replace the section of one script; the others stay as they are."""
    preface, *sections = RESULTS.read_text().split("\n## ")
    by_name = {section.partition("\n")[0]: section.rstrip() for section in sections}
    by_name[found["benchmark"]] = _section_of(found)
    ordered = sorted(by_name, key=SCRIPTS.index)
    RESULTS.write_text("\n\n## ".join([preface.rstrip(), *(by_name[name] for name in ordered)]) + "\n")


def _section_of(found: dict[str, Any]) -> str:
    rows = [
        f"| {figure['what']} | {figure['value']} | {figure['bar'] or '-'} | {_HOLDS[figure['holds']]} |"
        for figure in found["figures"]
    ]
    place = f"{found['date']}, {found['machine']}, {_load_of(found['othersCores'])}: `{found['command']}`"
    return "\n".join([found["benchmark"], "", place, "", "| what | figure | bar | holds |", "|---|---|---|---|", *rows])


def _load_of(others_cores: float | None) -> str:
    if others_cores is None:
        return "load of others unknown"
    return f"**busy**: others took {others_cores:.1f} cores" if others_cores > _BUSY_CORES else "quiet"


if __name__ == "__main__":
    main()
