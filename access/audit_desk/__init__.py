"""The desk of the audit log: checkpoints to keep, one click that verifies everything, comparing what was kept."""
