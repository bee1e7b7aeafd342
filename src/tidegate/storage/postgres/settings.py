"""How the embedded server is configured: for little memory, and never at the price of durability."""

SERVER_SETTINGS = {
    # Durability: the defaults, said aloud, so that no postgresql.conf can undo them.
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    # Reached through the socket only.
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "password_encryption": "scram-sha-256",
    # Memory: the pages of the operating system are the cache; telemetry has an engine of its own.
    "shared_buffers": "16MB",
    "max_connections": "40",
    "work_mem": "4MB",
    "maintenance_work_mem": "32MB",
    "effective_cache_size": "256MB",
    "huge_pages": "off",
    "io_method": "sync",  # the default keeps three more processes
    "jit": "off",
    # Statements are small: parallel workers would cost more than they bring.
    "max_worker_processes": "2",
    "max_parallel_workers_per_gather": "0",
    "max_parallel_maintenance_workers": "0",
    "max_logical_replication_workers": "0",
    "autovacuum_max_workers": "2",
    "autovacuum_worker_slots": "2",
    # Nobody replicates an embedded server; it is dumped.
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "min_wal_size": "32MB",
    "max_wal_size": "256MB",
    # What people read.
    "log_timezone": "UTC",
    "timezone": "UTC",
    "log_line_prefix": "%m [%p] %q%u@%d ",
    "log_checkpoints": "off",
    "cluster_name": "tidegate",
}


def as_options(settings: dict[str, str]) -> tuple[str, ...]:
    """Return the settings as options of `postgres`: on the command line they outrank every file."""
    return tuple(word for name, value in settings.items() for word in ("-c", f"{name}={value}"))
