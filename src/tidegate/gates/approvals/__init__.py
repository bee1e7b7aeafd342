"""Approvals, overrides, and for whom people speak."""
