"""What keeps the rows of workspaces apart in a telemetry store: signed claims, or filters that the client brings.

The embedded engine takes a signed claim with each request and filters by it, whatever the statement says. A ClickHouse
server knows no claims, so there the client brings the same filter as a setting of each SELECT and checks the rows of
each INSERT in the statement. The filter is rendered from the server's own list of tables, and tried at each start. What
is missing there: somebody who has the server's password is held by nothing but the server's own users and grants.
"""

from collections.abc import Collection, Mapping
from typing import ClassVar, Protocol

from tidegate.kernel import Clock, ForbiddenError, TidegateError
from tidegate.storage.engine.catalog import WORKSPACE_COLUMN, Catalog
from tidegate.storage.engine.claims import CLAIM_HEADER, Access, EngineKeys, sign_claim
from tidegate.storage.engine.quoting import identifier, string_list, string_literal
from tidegate.storage.engine.rules import WRITING
from tidegate.storage.engine.statements import DATABASE

__all__ = ["ClaimWall", "FilterWall", "TelemetryWallError", "Wall", "WallUntriedError"]

CLAIM_LIFE_S = 120  # longer than the longest statement with its repetitions, short enough to be worthless later
# Neither remembers what was filtered for somebody else.
_READING: Mapping[str, object] = {
    "use_query_cache": "0",
    "use_query_condition_cache": "0",
    "query_plan_merge_filters": "0",
}
_FOREIGN_ROW = "A row is of a workspace that the insert does not name; nothing was stored."


class TelemetryWallError(TidegateError):
    """The telemetry server would show the rows of one workspace to another: nothing is served from it."""

    code: ClassVar[str] = "telemetry_wall"


class WallUntriedError(ForbiddenError):
    """A statement for workspaces came before the server's tables were known: a mistake in the program."""

    code: ClassVar[str] = "wall_untried"


class Wall(Protocol):
    """How one kind of store is told for whom a statement is."""

    def headers(self, workspaces: Collection[str], access: Access, /) -> dict[str, str]: ...

    def settings(self, workspaces: Collection[str], access: Access, /) -> dict[str, object]: ...

    def insert_rows(self, workspaces: Collection[str], table: str, columns: Collection[str], form: str, /) -> str:
        """Return an INSERT whose rows follow in the format `form`."""
        ...

    def insert_select(self, workspaces: Collection[str], table: str, columns: Collection[str], select: str, /) -> str:
        """Return an INSERT of what a SELECT gives."""
        ...


class ClaimWall:
    """The embedded engine: it reads the claim and does the rest."""

    def __init__(self, keys: EngineKeys, clock: Clock) -> None:
        self._keys = keys
        self._clock = clock

    def headers(self, workspaces: Collection[str], access: Access, /) -> dict[str, str]:
        expires = int(self._clock.now().timestamp()) + CLAIM_LIFE_S
        return {CLAIM_HEADER: sign_claim(self._keys.claim_key, workspaces, access, expires=expires)}

    def settings(self, _: Collection[str], _access: Access, /) -> dict[str, object]:
        return {}

    def insert_rows(self, _: Collection[str], table: str, columns: Collection[str], form: str, /) -> str:
        return f"{into(table, columns)} FORMAT {form}"

    def insert_select(self, _: Collection[str], table: str, columns: Collection[str], select: str, /) -> str:
        return f"{into(table, columns)} {select}"


class FilterWall:
    """A ClickHouse server: the filter comes with the statement."""

    def __init__(self) -> None:
        self._catalog: Catalog | None = None
        self._inserting: dict[str, object] = {}
        self._reading: dict[str, object] = {}

    @property
    def is_known(self) -> bool:
        return self._catalog is not None

    def know(self, catalog: Catalog | None, *, settings: Collection[str] = ()) -> None:
        """Take the tables and settings that the server has now; `None` when the tables may have changed."""
        self._catalog = catalog
        # Another version may not know all of them, and would refuse the statement for that.
        self._inserting = {name: value for name, value in WRITING.items() if name in settings}
        self._reading = {name: value for name, value in _READING.items() if name in settings}

    def headers(self, _: Collection[str], _access: Access, /) -> dict[str, str]:
        return {}

    def settings(self, workspaces: Collection[str], access: Access, /) -> dict[str, object]:
        """Return the filter over every table that has workspaces, and what makes an insert one part."""
        if access in {Access.ADMIN, Access.ERASE}:
            return {}  # what erases says its workspaces in its own condition: the filter reaches no DELETE
        if not workspaces:
            raise WallUntriedError("A statement names no workspace.")
        filters = {"additional_table_filters": self._known.filters(sorted(set(workspaces)))}
        return {**filters, **(self._inserting if access is Access.WRITE else self._reading)}

    def insert_rows(self, workspaces: Collection[str], table: str, columns: Collection[str], form: str, /) -> str:
        structure = string_literal(self._known.structure(table, columns))
        chosen = ", ".join(_checked(workspaces) if name == WORKSPACE_COLUMN else identifier(name) for name in columns)
        return f"{into(table, columns)} SELECT {chosen} FROM input({structure}) FORMAT {form}"

    def insert_select(self, workspaces: Collection[str], table: str, columns: Collection[str], select: str, /) -> str:
        return f"{into(table, columns)} SELECT * REPLACE ({_checked(workspaces)} AS workspace) FROM ({select})"

    @property
    def _known(self) -> Catalog:
        if self._catalog is None:
            raise WallUntriedError("The tables of the telemetry server are not known yet.")
        return self._catalog


def into(table: str, columns: Collection[str]) -> str:
    return f"INSERT INTO {DATABASE}.{table} ({', '.join(identifier(name) for name in columns)})"


def _checked(workspaces: Collection[str]) -> str:
    """Return the workspace of a row, failing the whole insert on a foreign one."""
    foreign = f"{WORKSPACE_COLUMN} NOT IN ({string_list(sorted(set(workspaces)))})"
    return f"if(throwIf({foreign}, {string_literal(_FOREIGN_ROW)}), '', {WORKSPACE_COLUMN})"


def refuse_unless_filtered(counts: Mapping[str, int]) -> None:
    """Raise unless the server let no row through a filter that no row passes.

    Raises:
        TelemetryWallError: a table showed rows all the same.
    """
    leaking = sorted(name for name, count in counts.items() if count)
    if leaking:
        raise TelemetryWallError(
            f"The telemetry server does not filter {', '.join(leaking)} as it is told (additional_table_filters): "
            "workspaces would see each other's rows. Let the user change this setting, or use another server."
        )
