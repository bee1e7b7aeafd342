"""tidegate: go, hold or no-go for releases of multi-tenant AI services."""

__all__ = ["__version__"]

__version__ = "0.1.0"
