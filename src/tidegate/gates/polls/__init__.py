"""Launch polls: people in roles say go, hold or no-go, at one time."""
