"""Looking at signals: the catalogue, series for charts, tables, the pages and the verbs."""

from tidegate.signals.explore.catalogue import CATALOGUE, FamilyEntry, family_named
from tidegate.signals.explore.ports import Bound, Burning, OpenAlert, ReleaseMark, ReleaseMarks, Watcher
from tidegate.signals.explore.service import ExploreService

__all__ = [
    "CATALOGUE",
    "Bound",
    "Burning",
    "ExploreService",
    "FamilyEntry",
    "OpenAlert",
    "ReleaseMark",
    "ReleaseMarks",
    "Watcher",
    "family_named",
]
