"""Which tool a file is written for, and what is in it."""

from collections.abc import Mapping, Sequence
from typing import Final

from tidegate.promql.documents import Node, read_documents
from tidegate.promql.errors import RuleFileError
from tidegate.promql.objectives.objective import Imported
from tidegate.promql.objectives.openslo import read_openslo
from tidegate.promql.objectives.pyrra import read_pyrra
from tidegate.promql.objectives.sloth import read_sloth

__all__ = ["FORMATS", "PROMETHEUS", "find_format", "read_objectives"]

PROMETHEUS: Final = "prometheus"
FORMATS: Final = (PROMETHEUS, "sloth", "pyrra", "openslo")


def find_format(content: bytes) -> str:
    """Return for which tool `content` is written.

    Raises:
        RuleFileError: for none of those that are read.
    """
    documents = read_documents(content)
    first = documents[0] if documents else {}
    if not isinstance(first, Mapping):
        raise RuleFileError("The file is no map of keys and values.")
    version = first.get("apiVersion", "")
    if "groups" in first:
        return PROMETHEUS
    if "version" in first and "slos" in first:
        return "sloth"
    if isinstance(version, str) and version.startswith("pyrra.dev/"):
        return "pyrra"
    if isinstance(version, str) and version.startswith("openslo"):
        return "openslo"
    raise RuleFileError("The file is none of Prometheus, Sloth, Pyrra or OpenSLO: say which with --format.")


def read_objectives(content: bytes, form: str) -> Imported:
    """Read the objectives of a file for `form`, which is not Prometheus.

    Raises:
        RuleFileError: it is none.
    """
    documents: Sequence[Node] = read_documents(content)
    if form == "pyrra":
        return read_pyrra(documents)
    if form == "openslo":
        return read_openslo(documents)
    if len(documents) != 1:
        raise RuleFileError("A file of Sloth is one YAML document.")
    return read_sloth(documents[0])
