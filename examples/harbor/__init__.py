"""Harbor: a small multi-tenant AI service, its authorization suite, its traffic and the driver of `make run`."""
