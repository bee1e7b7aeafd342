"""One server for the tests that do not hurt it; it takes OTLP over gRPC as well."""

from collections.abc import Iterator

import pytest
from tests.e2e.server import Server, free_port


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    started = Server(tmp_path_factory.mktemp("server"))
    started.otlp_grpc_port = free_port()
    started.start()
    yield started
    started.stop()
