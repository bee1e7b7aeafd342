"""Rules that workspaces set themselves: files, what they change, and what counts in the end."""

from typing import TYPE_CHECKING

from tidegate.kernel.lazy import lazily

if TYPE_CHECKING:
    from tidegate.alerts.rule_sets.files import RuleFile
else:
    __getattr__ = lazily({"tidegate.alerts.rule_sets.files": ("RuleFile",)})

__all__ = ["RuleFile"]
