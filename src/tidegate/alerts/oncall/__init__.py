"""On-call schedules that others keep: read, remembered with their age, asked who is on call. None is kept here.

Contract: a schedule is read by jobs of the ledger and by nobody who waits; asking it reads what was read last. Where
that is too old, does not reach as far as the moment, or names nobody, the answer says so and names no person: whoever
asks tells somebody else instead.
"""
