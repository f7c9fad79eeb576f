"""The frame: settings, urls, jobs and doors in one place; no rule of law lives here."""
