"""Metric points: read from OTLP, and turned into increments for readers."""
