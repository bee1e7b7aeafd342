"""The two engines: connections, transactions, migrations. Knows no feature."""

from typing import TYPE_CHECKING

from tidegate.kernel.lazy import lazily

if TYPE_CHECKING:
    from tidegate.storage.database import Connection, Database, UnsafeRoleError
else:
    __getattr__ = lazily({"tidegate.storage.database": ("Connection", "Database", "UnsafeRoleError")})

__all__ = ["Connection", "Database", "UnsafeRoleError"]
