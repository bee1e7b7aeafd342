"""A subset of PromQL, rules over it, and what others generate such rules from. Pure: no I/O, no clock."""
