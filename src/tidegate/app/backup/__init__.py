"""Copies of a whole installation: made while it serves, proven before they are used, put back into an empty folder."""
