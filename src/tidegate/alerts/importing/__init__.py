"""Rules and objectives of other tools, made into files of ours: what cannot be kept is refused by name."""
