"""The QA desk: who may see what and why, what was read and what never, samples to sign off, findings."""
