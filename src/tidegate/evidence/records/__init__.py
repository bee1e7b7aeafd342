"""Evidence records: what is offered to gates, reviewed by other people, and only ever added to."""
