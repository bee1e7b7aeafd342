"""What reaches receivers: over HTTP, and by mail."""
