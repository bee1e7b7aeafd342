"""Recordings sent again: files of other systems become OTLP that counts once. A client: it knows no server."""

__all__: list[str] = []
