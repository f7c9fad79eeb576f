"""The checklists before and after a deployment, as commands (docs/preflight.md, docs/postflight.md)."""
