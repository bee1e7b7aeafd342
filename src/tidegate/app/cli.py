"""The `tidegate` command: nouns loaded when they are used, operator verbs here."""

import importlib
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Final

import click

from tidegate import __version__
from tidegate.app.options import data_dir_option, run_operator
from tidegate.app.settings import DEFAULT_HOST, DEFAULT_OTLP_GRPC_PORT, DEFAULT_OTLP_PORT, DEFAULT_PORT
from tidegate.edge.client import api
from tidegate.edge.console import json_option, print_json, print_rows

# noun -> module:group; a module is imported when its noun is used, so that `--help` stays within its start budget
_NOUNS: Final = {
    "alert": ("tidegate.alerts.commands", "alert", "Alerts: what burns, since when, and its runbook."),
    "audit": ("tidegate.audit.commands", "audit", "Audit: who did what, and the proof of it."),
    "authz": ("tidegate.identity.policy.commands", "authz", "Policies: who may do what, and why."),
    "channel": ("tidegate.deliveries.commands", "channel", "Channels: where pages go, each by its name."),
    "ci": ("tidegate.evidence.commands", "ci", "Report what CI found."),
    "db": ("tidegate.app.backup.commands", "db", "The engines' data: back up, restore, check (operator)."),
    "delivery": (
        "tidegate.deliveries.commands",
        "delivery",
        "Deliveries: what was told, to whom, and what came of it.",
    ),
    "env": ("tidegate.evidence.environments.commands", "env", "Environments: variables against a schema, and parity."),
    "key": ("tidegate.app.key_commands", "key", "Keys of this installation: list, rotate, retire (operator)."),
    "evidence": (
        "tidegate.evidence.records.commands",
        "evidence",
        "Evidence: what is offered to gates, and who accepts it.",
    ),
    "evaluation": (
        "tidegate.signals.quality.commands",
        "evaluation",
        "Evaluations: how good answers were, and retrieval metrics.",
    ),
    "gate": ("tidegate.gates.commands", "gate", "Gates: verdicts, why, and what would make them go."),
    "incident": (
        "tidegate.alerts.incidents.commands",
        "incident",
        "Incidents: alerts that are one matter, who leads it, what was learned.",
    ),
    "limits": ("tidegate.app.limit_commands", "limits", "Limits: how much a workspace or a token may ask and send."),
    "login": ("tidegate.identity.sessions.commands", "login", "Keep a server and a token for later commands."),
    "logout": ("tidegate.identity.sessions.commands", "logout", "Forget what `tidegate login` keeps."),
    "mcp": ("tidegate.app.mcp_commands", "mcp", "Tools for AI agents, and a bridge to them."),
    "member": ("tidegate.identity.members.commands", "member", "Members: people, service accounts and their roles."),
    "person": ("tidegate.app.workspace_commands", "person", "People, in every workspace at once (operator)."),
    "service-account": (
        "tidegate.identity.members.commands",
        "service_account",
        "Service accounts: members that are machines.",
    ),
    "session": ("tidegate.identity.sessions.commands", "session", "Sessions: browsers that are signed in."),
    "token": ("tidegate.app.token_commands", "token", "Tokens: credentials of services, CI and people's shells."),
    "whoami": ("tidegate.identity.sessions.commands", "whoami", "Whose token the commands use, and what it may do."),
    "workspace": ("tidegate.app.workspace_commands", "workspace", "Workspaces of this installation (operator)."),
    "provider": ("tidegate.identity.providers.commands", "provider", "Identity provider: where people sign in."),
    "provisioning": (
        "tidegate.identity.scim.commands",
        "provisioning",
        "Provisioning: members as a directory says.",
    ),
    "price": ("tidegate.signals.prices.commands", "price", "Prices: what AI calls cost, and by which list."),
    "replay": ("tidegate.replays.commands", "replay", "Send a recording: telemetry of files, counted once."),
    "log": ("tidegate.telemetry.logs.commands", "log", "Log records: find them, watch them come in."),
    "retention": ("tidegate.signals.commands", "retention", "Retention: how long telemetry is kept."),
    "rule": ("tidegate.alerts.rule_sets.commands", "rule", "Rules: bounds on signals, as files."),
    "runbook": ("tidegate.alerts.rule_sets.commands", "runbook", "Runbooks: what to do when a rule fires."),
    "run": ("tidegate.signals.ai_runs.commands", "run", "AI runs: what one did, cost and broke."),
    "trace": ("tidegate.telemetry.commands", "trace", "Traces: spans in their order; erase one."),
    "release": ("tidegate.releases.commands", "release", "Releases: what is to go out."),
    "route": ("tidegate.alerts.paging.commands", "route", "Routes: who is told of which alerts, and when."),
    "silence": ("tidegate.alerts.paging.commands", "silence", "Silences: what nobody is told of for a while."),
    "alertmanager": ("tidegate.alerts.forwarding.commands", "alertmanager", "Alertmanagers that alerts are sent to."),
    "prometheus": ("tidegate.prom_sources.commands", "prometheus", "Prometheus-compatible servers that rules may ask."),
    "schedule": (
        "tidegate.alerts.oncall.commands",
        "schedule",
        "Schedules: who is on call, read where others keep it.",
    ),
    "signal": ("tidegate.signals.explore.commands", "signal", "Signals: is every family well, and its numbers."),
    "slo": ("tidegate.slos.commands", "slo", "Objectives: how much error budget is left, and how fast it burns."),
    "tenant": ("tidegate.signals.tenants.commands", "tenant", "Tenants: who is unlike the others."),
}
# Verbs that another slice adds to a noun.
_MORE_VERBS: Final = {
    "alert": (
        ("tidegate.alerts.paging.commands", "acknowledge"),
        ("tidegate.alerts.paging.commands", "assign"),
        ("tidegate.alerts.paging.commands", "why"),
        ("tidegate.alerts.paging.commands", "silence_alert"),
    ),
    "audit": (("tidegate.app.audit_key", "key"),),
    "rule": (
        ("tidegate.alerts.prometheus_commands", "test_rules"),
        ("tidegate.alerts.importing.commands", "import_rules"),
        ("tidegate.alerts.backtest.commands", "backtest"),
    ),
    "runbook": (("tidegate.app.runbook_commands", "check"),),
    "tenant": (("tidegate.telemetry.erasures.commands", "erase_tenant"),),
}


class LazyGroup(click.Group):
    """A group that knows the names of its nouns without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*super().list_commands(ctx), *_NOUNS])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        found = _NOUNS.get(cmd_name)
        if found is None:
            return super().get_command(ctx, cmd_name)
        command: click.Command = getattr(importlib.import_module(found[0]), found[1])
        if isinstance(command, click.Group):
            for module, name in _MORE_VERBS.get(cmd_name, ()):
                command.add_command(getattr(importlib.import_module(module), name))
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        own = {name: super(LazyGroup, self).get_command(ctx, name) for name in super().list_commands(ctx)}
        rows = [(name, command.get_short_help_str(90)) for name, command in own.items() if command is not None]
        rows += [(name, summary) for name, (_, _, summary) in _NOUNS.items()]
        with formatter.section("Commands"):
            formatter.write_dl(sorted(rows))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.option("--url", envvar="TIDEGATE_URL", default=f"http://{DEFAULT_HOST}:{DEFAULT_PORT}", show_default=True,
              help="The server to talk to.")  # fmt: skip
@click.option("--token-file", type=click.File(), help="File that holds the token; else TIDEGATE_TOKEN.")
@click.version_option(__version__, message="%(version)s")
def cli(url: str, token_file: object) -> None:
    """Go, hold or no-go for releases of multi-tenant AI services.

    Exit codes: 0 done or GO, 2 wrong use, 3 NO-GO, 4 not allowed, 5 not found, 6 conflict, 7 unreachable, 8 HOLD.
    """


@cli.command()
@data_dir_option
@click.option("--host", default=DEFAULT_HOST, show_default=True, callback=lambda _ctx, _option, host: _named(host),
              help="Address to listen on.")  # fmt: skip
@click.option(
    "--port", default=DEFAULT_PORT, show_default=True, type=click.IntRange(0, 65535), help="Port of everything."
)
@click.option("--otlp-port", default=DEFAULT_OTLP_PORT, show_default=True, type=click.IntRange(0, 65535),
              help="Second port for OTLP/HTTP, used when free; 0 for none.")  # fmt: skip
@click.option("--otlp-grpc-port", default=DEFAULT_OTLP_GRPC_PORT, show_default=True, type=click.IntRange(0, 65535),
              help="Port for OTLP/gRPC, used when free; 0 for none.")  # fmt: skip
@click.option("--ingest-edge", is_flag=True,
              help="A process of its own for telemetry, on the OTLP port; also TIDEGATE_INGEST_EDGE=1.")  # fmt: skip
def serve(*, data_dir: Path, host: str, port: int, otlp_port: int, otlp_grpc_port: int, ingest_edge: bool) -> None:
    """Start the engines and the server, and keep them running until Ctrl-C."""
    from tidegate.app.serving import ListenPorts, serve_forever

    ports = ListenPorts(http=port, otlp=otlp_port, otlp_grpc=otlp_grpc_port)
    sys.exit(serve_forever(data_dir=data_dir, host=host, ports=ports, ingest_edge=ingest_edge))


@cli.command("sign-in-link")
@data_dir_option
@click.option("--workspace", default="default", show_default=True)
@click.pass_context
def sign_in_link(ctx: click.Context, data_dir: Path, workspace: str) -> None:
    """Print a one-time link that signs a browser in."""
    from tidegate.app import operator
    from tidegate.app.serving import url_of_running

    url = url_of_running(data_dir) or ctx.find_root().params["url"]
    click.echo(run_operator(operator.create_sign_in_link(data_dir, workspace=workspace, public_url=url)))


@cli.command()
@data_dir_option
@json_option
@click.option("--metrics", "as_metrics", is_flag=True, help="In the Prometheus text format, for your own monitoring.")
def status(data_dir: Path, *, as_json: bool, as_metrics: bool) -> None:
    """Show the processes of this data directory's server: state, restarts, memory, room on disk."""
    from tidegate.app.serving import describe_status, render_metrics, render_status

    found = describe_status(data_dir)
    if as_metrics:
        click.echo(render_metrics(found))
    elif as_json:
        print_json(found)
    else:
        click.echo(render_status(found))
    sys.exit(0 if found["running"] else 7)


@cli.command()
@data_dir_option
@json_option
def doctor(data_dir: Path, *, as_json: bool) -> None:
    """Check this machine and data directory, and say what to do about each finding."""
    from tidegate.app.doctor import run_doctor

    findings = run_doctor(data_dir)
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            click.echo(f"{finding.outcome.upper():8}{finding.name}: {finding.sentence}")
            if finding.outcome != "ok" and finding.fix:
                click.echo(f"        {finding.fix}")
    sys.exit(1 if any(finding.outcome == "fail" for finding in findings) else 0)


@cli.command()
@json_option
def stats(*, as_json: bool) -> None:
    """Show how many spans, log records and metric points the server has stored for this workspace.

    As JSON in a pipe as well, where it has always been that.
    """
    found = api().get("/api/v1/telemetry/stats")
    if as_json or not sys.stdout.isatty():
        print_json(found)
        return
    kinds = (("spans", "spans", "lastSpanAt"), ("log records", "logs", "lastLogAt"),
             ("metric points", "metricPoints", "lastMetricPointAt"))  # fmt: skip
    rows = [{"what": what, "stored": f"{found[count]:,}", "newest": found[newest]} for what, count, newest in kinds]
    print_rows(("what", "stored", "newest"), rows, empty="")


def _named(host: str) -> str:
    """Refuse an empty address: an unset shell variable must not open the server to every network."""
    if not host.strip():
        raise click.BadParameter("it is empty; write 0.0.0.0 to listen on every network")
    return host
