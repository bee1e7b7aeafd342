"""The two engines: connections, transactions, migrations. Knows no feature."""

from tidegate.storage.database import Connection, Database, UnsafeRoleError

__all__ = ["Connection", "Database", "UnsafeRoleError"]
