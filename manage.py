#!/usr/bin/env python
"""Django's command line for this project."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gdpr_portal.settings")
    # Migrations change the schema, so they alone run as the owner of it; everything else is the app role.
    if len(sys.argv) > 1 and sys.argv[1] in {"migrate", "flush"}:
        os.environ.setdefault("DATABASE_ROLE", "owner")
    if len(sys.argv) > 1 and sys.argv[1] == "run_sequencer":
        os.environ.setdefault("DATABASE_ROLE", "sequencer")
    from django.core.management import execute_from_command_line

    try:
        execute_from_command_line(sys.argv)
    except Exception as error:
        from gdpr_portal.terminal import told

        words = None if "--traceback" in sys.argv else told(error)
        if words is None:
            raise
        sys.stderr.write(f"{words}\n")
        sys.exit(2)  # 1 is an answer: the log is damaged, the fence is up, lines are bad


if __name__ == "__main__":
    main()
