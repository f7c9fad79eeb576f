"""The queues of hints, by whatever broker carries them. Ground floor: loads no broker's client."""

QUEUE = "gdpr"
"""Hints, first come first served. Its tables are `pgmq.q_gdpr` and `pgmq.a_gdpr`; a name has at most 47 characters."""
SWEEPS = "gdpr_sweeps"
"""What the schedule asks for. Workers take from both queues in turns, so that no flood of hints holds up a sweep."""
QUEUES = (QUEUE, SWEEPS)
