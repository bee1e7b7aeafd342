"""Log records: read from OTLP, understood as events, searched."""
