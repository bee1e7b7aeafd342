"""How a report and a verdict are told to the pipeline that waits for them: GitHub Actions or a plain log. Pure.

Names of tests come from whoever may open a pull request. In a log of GitHub Actions a line `::error …` or a `##[…]`
anywhere in one is a command, in Markdown a name may be a link or an image: what comes from outside is escaped here.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any, Final

from tidegate.edge.console import printable

__all__ = ["code_quality", "github_commands", "in_a_log", "pipeline_of", "step_summary"]

MAX_ANNOTATIONS: Final = 10  # GitHub shows ten errors a step, and drops the rest without a word
_SHOWN: Final = 20
_WORDS: Final = {"go": "GO", "hold": "HOLD", "no_go": "NO-GO"}
_LEVELS: Final = {"hold": "warning", "no_go": "error"}
_TICKS: Final = re.compile(r"`+")

Report = Mapping[str, Any]
Verdict = Mapping[str, Any]


def pipeline_of(environment: Mapping[str, str]) -> str:
    """Return `github`, `gitlab` or `none`, by the variables that each sets in its jobs."""
    if environment.get("GITHUB_ACTIONS") == "true":
        return "github"
    return "gitlab" if environment.get("GITLAB_CI") == "true" else "none"


def in_a_log(text: object) -> str:
    """Return `text` as part of one line of a log that no runner takes for a command."""
    line = printable(text).replace("##[", "# #[")
    return f"\N{ZERO WIDTH SPACE}{line}" if line.lstrip().startswith("::") else line


def github_commands(report: Report, verdicts: Sequence[Verdict], *, root: str | None) -> list[str]:
    """Return the workflow commands that put failures and verdicts where people look: one line each."""
    lines = []
    suite = f"{report['suite']}: "
    for failure in report["failures"][:MAX_ANNOTATIONS]:
        place = relative_path(failure.get("file"), root)
        about = {"file": place, "line": failure.get("line") if place else None, "title": suite + failure["id"]}
        lines.append(_command("error", about, failure.get("message") or "It failed."))
    totals = report["totals"]
    if not totals["total"]:
        lines.append(_command("warning", {"title": suite + "no test"}, "Zero tests prove nothing, and gates hold."))
    lines += [_command("warning", {"title": suite + "odd"}, text) for text in report["warnings"][:MAX_ANNOTATIONS]]
    for verdict in verdicts:
        level = _LEVELS.get(verdict["verdict"], "notice")
        title = f"{_WORDS[verdict['verdict']]}: gate {verdict['gate']}"
        lines.append(_command(level, {"title": title}, verdict["sentence"]))
    return lines


def _command(name: str, about: Mapping[str, object], text: str) -> str:
    properties = ",".join(f"{key}={_property(value)}" for key, value in about.items() if value is not None)
    return f"::{name} {properties}::{_data(text)}" if properties else f"::{name}::{_data(text)}"


def _data(text: object) -> str:
    """Escape the text of a workflow command as the runner's own toolkit does."""
    return str(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A").translate(_OTHER_LINE_ENDS)


def _property(value: object) -> str:
    return _data(value).replace(":", "%3A").replace(",", "%2C")


# What some readers of logs take for the end of a line, and what a terminal obeys.
_OTHER_LINE_ENDS: Final = dict.fromkeys((*range(32), *range(127, 160), 0x2028, 0x2029))


def relative_path(path: str | None, root: str | None) -> str | None:
    """Return where in the repository a tool's `path` is; `None` when it is outside or nobody can tell."""
    if not path or "\n" in path or "\r" in path:
        return None
    clean = path.removeprefix("file://").replace("\\", "/")
    base = (root or "").replace("\\", "/").rstrip("/")
    if base and clean.startswith(f"{base}/"):
        clean = clean[len(base) + 1 :]
    if clean.startswith("/") or re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", clean):
        return None
    parts = PurePosixPath(clean).parts
    return None if not parts or ".." in parts else str(PurePosixPath(clean))


def step_summary(report: Report, verdicts: Sequence[Verdict], *, commit: str) -> str:
    """Return the summary of a job in Markdown."""
    totals = report["totals"]
    failed = totals["failed"] + totals["error"]
    lines = [f"### {_code(report['suite'])} at {_code(commit[:12])}", ""]
    lines.append(f"{totals['total']} cases: {totals['passed']} passed, {failed} failed, {totals['skipped']} skipped.")
    if not totals["total"]:
        lines.append("\nThere is no case in it: zero tests prove nothing, and gates hold.")
    if report["failures"]:
        lines += ["", "Failed:", ""]
    for failure in report["failures"][:_SHOWN]:
        said = f": {_code(failure['message'])}" if failure.get("message") else ""
        lines.append(f"- {_code(failure['id'])}{said}")
    if failed > _SHOWN:
        lines.append(f"- and {failed - _SHOWN} more")
    lines += ["", *[f"- Note: {_code(text)}" for text in report["warnings"]]]
    for verdict in verdicts:
        lines += [
            "",
            f"**{_WORDS[verdict['verdict']]}** gate {_code(verdict['gate'])}: {_code(verdict['sentence'])}",
            "",
        ]
        lines += [f"{n}. {_code(step['owner'])}: {_code(step['step'])}"
                  for n, step in enumerate(verdict.get("toReachGo", ()), start=1)]  # fmt: skip
    return "\n".join(lines).rstrip() + "\n"


def _code(text: object) -> str:
    """Return `text` as a code span: nothing in one is a link, an image, HTML or a mention."""
    line = printable(text).strip() or "-"
    fence = "`" * (max((len(ticks) for ticks in _TICKS.findall(line)), default=0) + 1)
    return f"{fence} {line} {fence}" if "`" in line else f"`{line}`"


def code_quality(report: Report, *, root: str | None) -> str:
    """Return the failures that stand in a file as GitLab's code quality report."""
    found = []
    for failure in report["failures"]:
        place = relative_path(failure.get("file"), root)
        if place is not None:
            about = f"{report['suite']}\0{failure['id']}\0{place}"
            found.append(
                {
                    "description": f"{failure['id']}: {failure.get('message') or 'it failed'}",
                    "check_name": report["suite"],
                    "fingerprint": hashlib.sha256(about.encode()).hexdigest(),
                    "severity": "major",
                    "location": {"path": place, "lines": {"begin": failure.get("line") or 1}},
                }
            )
    return json.dumps(found, indent=2) + "\n"
