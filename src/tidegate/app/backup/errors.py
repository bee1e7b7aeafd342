"""Why a backup was not made, or not put back."""

from pathlib import Path
from typing import ClassVar

from tidegate.kernel import ConflictError, InvalidInputError, NotFoundError, UnavailableError


class InstallationMissingError(NotFoundError):
    code: ClassVar[str] = "installation_missing"

    def __init__(self, data_dir: Path) -> None:
        super().__init__(f"{data_dir} holds no installation. Name another folder with --data-dir.")


class EngineOfYourOwnError(ConflictError):
    code: ClassVar[str] = "engine_of_your_own"

    def __init__(self, variable: str) -> None:
        super().__init__(
            f"{variable} is set: this command knows the engines of the data directory only. Back up a PostgreSQL "
            "server with pg_dump first, a ClickHouse server with BACKUP afterwards, and keep the folder `secrets` too."
        )


class BackupTargetError(ConflictError):
    code: ClassVar[str] = "backup_target_unfit"

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path} {reason}. Nothing was written; choose another path.")


class BackupRoomError(ConflictError):
    code: ClassVar[str] = "backup_room_missing"

    def __init__(self, folder: Path, *, needed_bytes: int, free_bytes: int) -> None:
        super().__init__(
            f"{needed_bytes / 1e6:,.0f} MB are needed at {folder}, beyond what must stay free there, and "
            f"{max(free_bytes, 0) / 1e6:,.0f} MB are free. Nothing was written; make room or choose another disk."
        )


class BackupUnderWayError(ConflictError):
    code: ClassVar[str] = "backup_under_way"

    def __init__(self) -> None:
        super().__init__("Another backup, or a change of keys, is under way here. Run it again when that is done.")


class ErasureUnderWayError(ConflictError):
    code: ClassVar[str] = "erasure_under_way"

    def __init__(self) -> None:
        super().__init__(
            "Telemetry is being erased, or was meanwhile: a backup could hold counts of what is gone. "
            "Nothing was kept; run it again in a minute."
        )


class BackupFailedError(UnavailableError):
    code: ClassVar[str] = "backup_failed"

    def __init__(self, reason: str) -> None:
        super().__init__(f"The telemetry engine could not do it: {reason} Nothing was kept.")


class BackupAlteredError(InvalidInputError):
    code: ClassVar[str] = "backup_altered"

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name}: {reason}. This is not what was backed up, and nothing was restored.")
        self.name = name


class BackupNewerError(ConflictError):
    code: ClassVar[str] = "backup_newer"

    def __init__(self, what: str, by: str) -> None:
        super().__init__(f"The backup was made by tidegate {by}, which knows {what}. Restore it with that version.")


class DataDirectoryOccupiedError(ConflictError):
    code: ClassVar[str] = "data_directory_occupied"

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} is not empty. A backup is restored into an empty or absent folder: --data-dir.")
