"""One script a claim: each starts what it needs on loopback, measures, prints a table and a line of JSON, and ends."""
