"""`tidegate serve` and `tidegate status`: the banner, the exit code, what runs and how much memory it takes."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import click

from tidegate.app import operator
from tidegate.app.lock import DataDirectory
from tidegate.app.settings import (
    content_setting,
    disk_limit,
    egress_allowances,
    external_database,
    external_telemetry,
    kept_days,
    public_url,
    wants_ingest_edge,
)
from tidegate.app.supervisor import ServerReport, SupervisorSettings, read_state, run_supervisor
from tidegate.edge.client import CliError
from tidegate.edge.console import print_rows
from tidegate.edge.problems import answer_for
from tidegate.kernel import TidegateError
from tidegate.storage.disk import DiskRoom, DiskWatch
from tidegate.telemetry.content import Content

__all__ = ["ListenPorts", "describe_status", "render_metrics", "render_status", "serve_forever", "url_of_running"]


@dataclass(frozen=True, slots=True)
class ListenPorts:
    """What is listened on; 0 takes any free one for HTTP, and none of the others."""

    http: int
    otlp: int
    otlp_grpc: int


def serve_forever(*, data_dir: Path, host: str, ports: ListenPorts, ingest_edge: bool = False) -> int:
    """Run the server until a signal and return its exit code.

    Raises:
        CliError: it cannot start; says what to do.
    """
    announcing: list[asyncio.Task[None]] = []

    def announce(report: ServerReport) -> None:
        # Kept in a list: an unreferenced task may be collected before it has printed.
        announcing.append(asyncio.get_running_loop().create_task(_print_banner(data_dir, report)))

    try:
        settings = _settings_of(data_dir=data_dir, host=host, ports=ports, ingest_edge=ingest_edge)
        return asyncio.run(run_supervisor(settings, on_ready=announce))
    except TidegateError as error:
        raise CliError(f"{error.message} ({error.code})", exit_code=answer_for(error).exit_code) from error


def _settings_of(*, data_dir: Path, host: str, ports: ListenPorts, ingest_edge: bool) -> SupervisorSettings:
    content_setting()  # a wrong word is said here, not by a child that does not start
    egress_allowances()  # as well
    kept_days()
    database, telemetry = external_database(), external_telemetry()
    return SupervisorSettings(
        data_dir=data_dir,
        host=host,
        port=ports.http,
        otlp_port=ports.otlp or None,
        otlp_grpc_port=ports.otlp_grpc or None,
        database_url=database.url if database else None,
        owner_database_url=database.owner_url if database else None,
        telemetry_url=telemetry.url if telemetry else None,
        telemetry_password=telemetry.password if telemetry else None,
        telemetry_secret=telemetry.secret if telemetry else None,
        telemetry_cluster=telemetry.cluster if telemetry else None,
        ingest_edge=ingest_edge or wants_ingest_edge(),
        disk_limit=disk_limit(),
        public_url=public_url(),
    )


_KEPT: Final = {
    Content.DROP: "telemetry as `tidegate retention show` says, without prompts and outputs",
    Content.REDACT: "telemetry as `tidegate retention show` says; prompts and outputs without personal data",
    Content.KEEP: "telemetry as `tidegate retention show` says, with prompts and outputs",
}


async def _print_banner(data_dir: Path, report: ServerReport) -> None:
    try:
        link = await operator.create_sign_in_link(data_dir, workspace="default", public_url=report.public_url)
        link += "   (once, within 30 minutes; another: tidegate sign-in-link)"
    except (TidegateError, OSError) as error:
        link = f"no link could be made ({error}); try: tidegate sign-in-link"
    otlp = report.otlp_url or f"{report.url} (no second port: it is taken, or --otlp-port 0)"
    grpc = report.otlp_grpc_url or "none (its port is taken, or --otlp-grpc-port 0)"
    click.echo(
        f"""
tidegate is ready.
  board      {report.public_url}
  sign in    {link}
  OTLP/HTTP  {otlp}   (traces, logs, metrics; ingest token: tidegate token create --scope ingest)
  OTLP/gRPC  {grpc}
  data       {data_dir}   ({_KEPT[content_setting()]})
{_engines_of_ones_own()}\
  access     tokens and signed-in browsers only
Ctrl-C stops it.""",
        err=True,
    )


def _engines_of_ones_own() -> str:
    """Return the lines of the banner that say which engines are not in the data directory."""
    content_setting()  # a wrong word is said here, not by a child that does not start
    database, telemetry = external_database(), external_telemetry()
    lines = [] if database is None else [f"  state      {urlsplit(database.url).hostname} (PostgreSQL of your own)"]
    lines += [] if telemetry is None else [f"  telemetry  {telemetry.shown}"]
    return "".join(f"{line}\n" for line in lines)


def url_of_running(data_dir: Path) -> str | None:
    """Return where the server of this data directory is, `None` when none runs."""
    holder = DataDirectory(data_dir).find_holder()
    return holder.url if holder is not None else None


def describe_status(data_dir: Path) -> dict[str, Any]:
    """Return what runs: the supervisor and its children with state, restarts and memory in bytes."""
    holder = DataDirectory(data_dir).find_holder()
    state = read_state(data_dir)
    if holder is None or state is None:
        return {"running": False, "dataDir": str(data_dir)}
    from tidegate.app.memory import memory_by_child

    by_process = memory_by_child(data_dir)
    memory = {
        "privateBytes": sum(each.private_bytes for each in by_process.values()),
        "pssBytes": sum(each.pss_bytes for each in by_process.values()),
        "byProcess": {
            name: {"privateBytes": each.private_bytes, "pssBytes": each.pss_bytes} for name, each in by_process.items()
        },
    }
    return {"running": True, "dataDir": str(data_dir), **state, "memory": memory, "disk": _describe_disk(data_dir)}


def _describe_disk(data_dir: Path) -> dict[str, Any] | None:
    room = DiskWatch.of(data_dir, disk_limit()).look()
    if room is None:
        return None
    return {
        "freeBytes": room.free_bytes,
        "totalBytes": room.total_bytes,
        "limitBytes": room.limit_bytes,
        "intakeStopped": room.is_stopped,
    }


def render_metrics(found: dict[str, Any]) -> str:
    """Return `found` in the Prometheus text format: for the operator's own monitoring, no workspace is in it."""
    lines = ["# TYPE tidegate_up gauge", f"tidegate_up {int(found['running'])}"]
    disk = found.get("disk")
    if disk is not None:
        figures = {"intake_stopped": int(disk["intakeStopped"])}
        figures |= {f"disk_{name}_bytes": disk[f"{name}Bytes"] for name in ("free", "total", "limit")}
        for name, value in figures.items():
            lines += [f"# TYPE tidegate_{name} gauge", f"tidegate_{name} {value}"]
    for name, kind, key in (("restarts", "counter", "restarts"), ("ready", "gauge", "ready")):
        lines.append(f"# TYPE tidegate_process_{name} {kind}")
        lines += [f'tidegate_process_{name}{{process="{e["name"]}"}} {int(e[key])}' for e in found.get("children", ())]
    lines.append("# TYPE tidegate_process_private_bytes gauge")
    by_process = found.get("memory", {}).get("byProcess", {})
    lines += [f'tidegate_process_private_bytes{{process="{n}"}} {m["privateBytes"]}' for n, m in by_process.items()]
    return "\n".join(lines)


def render_status(found: dict[str, Any]) -> str:
    """Return `found` for a person."""
    if not found["running"]:
        return f"No server runs on {found['dataDir']}. `tidegate serve --data-dir {found['dataDir']}` starts one."
    print_rows(("name", "state", "pid", "restarts"), found["children"], empty="")
    memory, disk = found["memory"], found["disk"]
    room = "the disk cannot be measured" if disk is None else _disk_words(disk)
    return (
        f"{found['publicUrl']}, supervisor pid {found['pid']}, since {found['startedAt']}\n"
        f"memory of all processes: {memory['privateBytes'] / 2**20:.0f} MB private, "
        f"{memory['pssBytes'] / 2**20:.0f} MB PSS\n{room}"
    )


def _disk_words(disk: dict[str, Any]) -> str:
    return DiskRoom(
        disk["freeBytes"], disk["totalBytes"], disk["limitBytes"], is_stopped=disk["intakeStopped"]
    ).sentence
