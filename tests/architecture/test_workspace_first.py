"""Every method of a store or service that touches a workspace's rows takes the workspace first."""

import importlib
import inspect
from collections.abc import Callable

import pytest

SLICES = ("alerts", "audit", "evidence", "gates", "identity", "isolation", "jobs", "releases", "signals", "telemetry")

# Methods without a workspace, each with its reason.
ALLOWED = {
    "find_token": "proves a credential: the workspace is the answer",
    "find_session": "the same",
    "redeem_link": "the same",
    "caller_of_token": "the same",
    "caller_of_session": "the same",
    "sign_in": "the same",
    "find_workspace_of_link": "the same",
    "claim_watch": "who evaluates, for the whole installation: holds nothing of any workspace",
    "list_held": "who is not evaluated: ids of workspaces are the answer",
    "list_flaps": "the same as for open alerts: read by the one who evaluates all workspaces",
    "release_watch": "the same",
    "renew_watch": "the same",
    "set_evaluated": "the same",
    "caught_up": "the same, of counting",
    "write": "the chains of several workspaces, each inside its own",
    "claim": "jobs of all workspaces, each taken inside its own",
    "list_old": "which workspaces: ids of them are the answer",
    "delete_orphans": "jobs of deleted workspaces, each inside its own",
    "read": "the touches of all workspaces, each read inside its own",
}


_NOT_DATA = {"self", "connection"}  # whoever passes its transaction has entered a workspace already
# Parameters whose values say whose they are.
_HOLD_IT = {"seconds", "touched", "runs", "rows", "flush_id", "key", "batches", "ranges", "counts", "held", "settled"}


def methods() -> list[tuple[str, Callable[..., object]]]:
    found = []
    for name in SLICES:
        for module_name in ("service", "store"):
            module = importlib.import_module(f"tidegate.{name}.{module_name}")
            for class_name, cls in inspect.getmembers(module, inspect.isclass):
                if cls.__module__ != module.__name__ or getattr(cls, "_is_protocol", False):
                    continue
                for method_name, method in inspect.getmembers(cls, inspect.iscoroutinefunction):
                    if not method_name.startswith("_"):
                        found.append((f"{name}.{class_name}.{method_name}", method))
    return found


@pytest.mark.parametrize(("name", "method"), methods(), ids=lambda value: value if isinstance(value, str) else "")
def test_the_workspace_comes_first(name: str, method: Callable[..., object]) -> None:
    parameters = [p.name for p in inspect.signature(method).parameters.values() if p.name not in _NOT_DATA]
    method_name = name.rpartition(".")[2]
    takes_it = bool(parameters) and ("workspace" in parameters[0] or parameters[0] in _HOLD_IT)
    assert takes_it or method_name in ALLOWED or not parameters, f"{name}({', '.join(parameters)})"
