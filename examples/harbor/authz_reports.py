"""Where a run of the authorization suite goes: to tidegate, into a JUnit file, onto the terminal."""

import asyncio
import time
from pathlib import Path
from xml.etree import ElementTree as ET

import httpx

from examples.harbor.authz_suite import SERVICE, SUITE, AuthzRegressionRun, Outcome

# An engine of tidegate that died is back within ten seconds; three times that is a report that does not arrive.
REPORT_DEADLINE_S = 30.0
RETRY_S = 0.5
FAILURES_SHOWN = 10


class ReportError(Exception):
    """Tidegate did not take the report; the message says why and what to do."""


async def report_run(run: AuthzRegressionRun, *, tidegate_url: str, token: str) -> None:
    """Post the run to tidegate. Sending it again is safe: one `runId` with one body counts once.

    Raises:
        ReportError: it was refused, or nothing answered before the deadline.
    """
    deadline = time.monotonic() + REPORT_DEADLINE_S
    headers = {"authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=tidegate_url, headers=headers, timeout=REPORT_DEADLINE_S) as client:
        while True:
            try:
                response = await client.post("/release/authz-regression", json=run.as_wire())
            except httpx.HTTPError as error:
                problem = f"{tidegate_url} did not answer: {error!r}"
            else:
                if response.is_success:
                    return
                problem = f"{tidegate_url} answered {response.status_code}: {response.text[:500]}"
                if response.status_code not in {429, 503}:
                    raise ReportError(f"Tidegate refused the report. {problem}")
            if time.monotonic() > deadline:
                raise ReportError(f"The report did not arrive. {problem}")
            await asyncio.sleep(RETRY_S)


def write_junit(run: AuthzRegressionRun, path: Path) -> None:
    """Write the same cases as JUnit XML, for tools that read nothing else."""
    totals = run.totals
    seconds = f"{(run.finished_at - run.started_at).total_seconds():.3f}"
    suite = ET.Element(
        "testsuite",
        name=SUITE,
        tests=str(totals["total"]),
        failures=str(totals["failed"]),
        errors=str(totals["error"]),
        skipped=str(totals["skipped"]),
        time=seconds,
        timestamp=run.started_at.isoformat(),
    )
    properties = ET.SubElement(suite, "properties")
    for name, value in (("service", SERVICE), ("commit", run.commit), ("runId", run.run_id)):
        ET.SubElement(properties, "property", name=name, value=value)
    for case in run.cases:
        element = ET.SubElement(suite, "testcase", classname=f"{SUITE}.{case.operation}", name=case.id)
        if case.outcome is Outcome.FAILED:
            ET.SubElement(element, "failure", message=f"expected {case.expected}, got {case.actual}")
        elif case.outcome is Outcome.ERROR:
            ET.SubElement(element, "error", message=case.actual)
        elif case.outcome is Outcome.SKIPPED:
            ET.SubElement(element, "skipped")
    root = ET.Element("testsuites")
    root.append(suite)
    tree = ET.ElementTree(root)
    ET.indent(tree)
    tree.write(path, encoding="utf-8", xml_declaration=True)


def describe_run(run: AuthzRegressionRun) -> str:
    """Return what a person wants to know: the count, and each case that did not pass."""
    totals = run.totals
    lines = [f"{totals['passed']} of {totals['total']} authorization cases passed (commit {run.commit[:12]})"]
    lines += [
        f"  ✗ {case.id}: {case.operation} as {case.actor}: expected {case.expected}, got {case.actual}"
        for case in run.failures[:FAILURES_SHOWN]
    ]
    if len(run.failures) > FAILURES_SHOWN:
        lines.append(f"  … and {len(run.failures) - FAILURES_SHOWN} more; `--junit FILE` writes all of them")
    return "\n".join(lines)
