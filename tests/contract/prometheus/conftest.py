"""The workspace and the door that queries are compared through."""

from tests.api.prometheus.conftest import api

__all__ = ["api"]
