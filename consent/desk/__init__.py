"""The desk of what recipients are told: what is overdue, what is told by hand, how long a withdrawal takes."""
