"""Nothing but `egress` calls other machines: who else imports an HTTP client or connects stands here, with why."""

import ast
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "src" / "tidegate"
CLIENTS = {
    "aiohttp", "aiosmtplib", "clickhouse_connect", "ftplib", "grpc", "http.client", "httpcore", "httpx", "httpx2",
    "imaplib", "niquests", "poplib", "pycurl", "requests", "smtplib", "telnetlib", "urllib.request", "urllib3",
    "websockets", "xmlrpc.client",
}  # fmt: skip
CONNECTING = {
    "create_connection", "create_datagram_endpoint", "open_connection", "open_unix_connection", "sock_connect",
    "connect_ex", "insecure_channel", "secure_channel",
}  # fmt: skip
EXCEPTIONS = {
    "edge/client.py": "the command line calls the server that its user names",
    "edge/mcp/calls.py": "asks the application of this process, through no socket",
    "edge/mcp/bridge.py": "calls the server that its user names, as the command line does",
    "audit/commands.py": "the same, for a download",
    "replays/recording.py": "the same",
    "replays/sender.py": "the same",
    "storage/telemetry.py": "the telemetry engine, which the operator names",
    "storage/telemetry_errors.py": "the errors of its client",
    "telemetry/grpc_door.py": "serves gRPC and calls nobody",
    "app/supervisor/probes.py": "looks whether the own children answer, on loopback",
}


def calls_of(file: Path) -> set[str]:
    """Return the HTTP clients that a module imports anywhere, and the calls by which it opens connections."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        found |= {name for name in names if any(name == each or name.startswith(f"{each}.") for each in CLIENTS)}
        if isinstance(node, ast.Attribute | ast.Name):
            word = node.attr if isinstance(node, ast.Attribute) else node.id
            found |= {word} & CONNECTING
    return found


def test_only_the_way_out_and_the_named_exceptions_call_anybody() -> None:
    calling = {
        str(file.relative_to(SOURCE))
        for file in SOURCE.rglob("*.py")
        if not file.is_relative_to(SOURCE / "egress") and calls_of(file)
    }
    assert calling == set(EXCEPTIONS)


def test_the_way_out_is_seen_by_this_test() -> None:
    assert "aiohttp" in calls_of(SOURCE / "egress" / "client.py")
