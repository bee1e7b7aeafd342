"""From what was read to what a check says: one module a kind, with its spec, its readings and a pure function."""
