from tests.support.gates_postgres import database, workspace

__all__ = ["database", "workspace"]
