"""How each kind of receiver is told. Pure."""
