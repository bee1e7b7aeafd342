"""Rules over recorded history: windows, the state machine, who would have been told, and how good that was. Pure."""
