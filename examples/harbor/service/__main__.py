"""`python -m examples.harbor.service --port 8430`"""

import logging
from pathlib import Path

import click
import uvicorn

from examples.harbor.faults import FaultSwitches
from examples.harbor.places import DEFAULT_DATA_DIR, HARBOR_PORT, LOOPBACK, fault_file
from examples.harbor.service.app import create_app
from examples.harbor.service.events import RequestLines
from examples.harbor.service.telemetry import make_logger_provider, make_tracer_provider, set_up_logging

# A stopping service waits this long for answers that are under way; the longest takes some 50 ms.
STOP_S = 3


@click.command()
@click.option("--port", default=HARBOR_PORT, show_default=True, type=click.IntRange(1, 65535))
@click.option("--service-version", envvar="HARBOR_VERSION", default="2026.02.1", show_default=True)
@click.option("--environment", envvar="HARBOR_ENVIRONMENT", default="production", show_default=True)
@click.option(
    "--faults",
    type=click.Path(path_type=Path, dir_okay=False),
    default=fault_file(DEFAULT_DATA_DIR),
    help="The file with the fault switches; none there means none on.",
)
@click.option("--log-file", type=click.Path(path_type=Path, dir_okay=False), help="Default: stderr.")
def serve(*, port: int, service_version: str, environment: str, faults: Path, log_file: Path | None) -> None:
    """Serve harbor on 127.0.0.1. Telemetry goes where the OTEL_EXPORTER_OTLP_* variables say."""
    set_up_logging(log_file)
    logs = make_logger_provider(version=service_version, environment=environment)
    logging.getLogger("harbor.request").addHandler(RequestLines(logs.get_logger("harbor.request")))
    app = create_app(
        version=service_version,
        faults=FaultSwitches(faults),
        provider=make_tracer_provider(version=service_version, environment=environment),
        logs=logs,
    )
    uvicorn.run(
        app,
        host=LOOPBACK,
        port=port,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=STOP_S,
        server_header=False,
    )


serve()
