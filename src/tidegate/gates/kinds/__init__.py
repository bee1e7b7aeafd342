"""The kinds of check, each a module: its part of the gate file and its source; its measure stands in the model.

A new kind is a module here, one beside it in `gates.model.measures`, one line below, and its source in
`app.gate_sources`.
"""

from tidegate.gates.kinds.alerts_quiet import AlertsQuietCheckFile
from tidegate.gates.kinds.dependency import DependencyCheckFile
from tidegate.gates.kinds.evidence import EvidenceCheckFile
from tidegate.gates.kinds.load import LoadCheckFile
from tidegate.gates.kinds.regression import RegressionCheckFile
from tidegate.gates.kinds.rehearsals import DrillCheckFile, RollbackProofCheckFile
from tidegate.gates.kinds.scan import ScanCheckFile
from tidegate.gates.kinds.signal import SignalCheckFile

__all__ = ["AnyCheckFile"]

# fmt: off
AnyCheckFile = (
    SignalCheckFile
    | AlertsQuietCheckFile
    | RegressionCheckFile
    | EvidenceCheckFile
    | ScanCheckFile
    | LoadCheckFile
    | RollbackProofCheckFile
    | DrillCheckFile
    | DependencyCheckFile
)
# fmt: on
