"""Load runs in any format that is known. Pure."""

from tidegate.evidence.errors import ReportUnreadableError
from tidegate.evidence.formats.detection import detect_format
from tidegate.evidence.formats.documents import check_size
from tidegate.evidence.formats.k6 import read_k6
from tidegate.evidence.formats.load_model import LoadReading, Threshold
from tidegate.evidence.formats.locust import read_locust

__all__ = ["LoadReading", "Threshold", "read_load"]


def read_load(content: bytes) -> LoadReading:
    """Return what a load run measured: a summary of k6, or statistics of Locust as CSV or JSON.

    Raises:
        ReportUnreadableError: it is neither.
        ReportTooLargeError: it is larger than any is read.
    """
    check_size(content)
    form = detect_format(content)
    if form == "k6":
        return read_k6(content)
    if form == "locust" or content.strip() == b"[]":  # `[]` is what Locust writes when no request was made
        return read_locust(content)
    raise ReportUnreadableError("This is neither a summary of k6 nor statistics of Locust (…_stats.csv, --json).")
