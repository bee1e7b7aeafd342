"""The public keys that a workspace knows: who may sign evidence."""
