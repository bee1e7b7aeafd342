"""Looking at signals: the catalogue, series for charts, tables, the pages and the verbs."""

from typing import TYPE_CHECKING

from tidegate.kernel.lazy import lazily

if TYPE_CHECKING:
    from tidegate.signals.explore.catalogue import CATALOGUE, FamilyEntry, family_named
    from tidegate.signals.explore.ports import Bound, Burning, OpenAlert, ReleaseMark, ReleaseMarks, Watcher
    from tidegate.signals.explore.service import ExploreService
else:
    __getattr__ = lazily(
        {
            "tidegate.signals.explore.catalogue": (
                "CATALOGUE",
                "FamilyEntry",
                "family_named",
            ),
            "tidegate.signals.explore.ports": (
                "Bound",
                "Burning",
                "OpenAlert",
                "ReleaseMark",
                "ReleaseMarks",
                "Watcher",
            ),
            "tidegate.signals.explore.service": ("ExploreService",),
        }
    )

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
