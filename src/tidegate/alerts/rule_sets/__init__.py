"""Rules that workspaces set themselves: files, what they change, and what counts in the end."""

from tidegate.alerts.rule_sets.files import RuleFile

__all__ = ["RuleFile"]
