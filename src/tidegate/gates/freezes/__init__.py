"""Freeze windows of a workspace, and the exceptions that two people let through."""
