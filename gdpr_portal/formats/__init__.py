"""How dates look: the hour of the day with its time zone, in 24 hours."""
