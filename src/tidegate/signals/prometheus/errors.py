"""What can be wrong with a question in Prometheus's words."""

from typing import ClassVar

from tidegate.kernel import InvalidInputError, UnavailableError

__all__ = ["PrometheusQueryInvalidError", "QueryTimeoutError", "QueryTooLargeError"]


class PrometheusQueryInvalidError(InvalidInputError):
    """A parameter is missing, or is not what Prometheus calls it."""

    code: ClassVar[str] = "prometheus_query_invalid"


class QueryTooLargeError(InvalidInputError):
    """It would read or answer more than one question may."""

    code: ClassVar[str] = "prometheus_query_too_large"


class QueryTimeoutError(UnavailableError):
    """It took longer than it may."""

    code: ClassVar[str] = "prometheus_query_timeout"
