"""Connection strings and settings of the embedded PostgreSQL."""

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from tidegate.storage.postgres import PostgresCredentials, PostgresDsns
from tidegate.storage.postgres.layout import _fits
from tidegate.storage.postgres.settings import SERVER_SETTINGS, as_options

CREDENTIALS = PostgresCredentials("own/er:pass@word", "serving")


def test_a_connection_string_survives_every_path_and_password() -> None:
    folder = Path("/data/Gezeiten ü, 100% & more?")
    parts = urlsplit(PostgresDsns.of(CREDENTIALS, folder).owner)
    assert parse_qs(parts.query)["host"] == [str(folder)]
    assert (parts.username, parts.password) == ("tidegate_owner", "own%2Fer%3Apass%40word")
    assert parts.path == "/tidegate"


def test_no_password_shows_when_something_is_printed() -> None:
    dsns = PostgresDsns.of(CREDENTIALS, Path("/run"))
    assert "serving" not in repr(CREDENTIALS)
    assert "pass" not in f"{dsns!r} {dsns} {CREDENTIALS}"


@pytest.mark.parametrize(
    ("folder", "fits"),
    [
        pytest.param("/var/lib/tidegate/run", True, id="an ordinary path"),
        pytest.param("/home/user name/Gezeiten-ü/run", True, id="blanks and letters beyond ASCII"),
        pytest.param("/data,more/run", False, id="a comma would split it into two hosts"),
        pytest.param('/data"/run', False, id="a quote"),
        pytest.param("/" + "x" * 84, True, id="99 bytes with the name of the socket"),
        pytest.param("/" + "x" * 85, False, id="100 bytes"),
        pytest.param("/" + "潮" * 29, False, id="bytes count, not letters"),
    ],
)
def test_a_socket_goes_into_the_data_directory_where_its_path_is_short_and_plain(folder: str, *, fits: bool) -> None:
    assert _fits(Path(folder)) is fits


def test_durability_is_on_the_command_line_where_no_file_outranks_it() -> None:
    options = as_options(SERVER_SETTINGS)
    assert {"fsync=on", "full_page_writes=on", "synchronous_commit=on", "listen_addresses="} <= set(options)
    assert options[0::2] == ("-c",) * len(SERVER_SETTINGS)
