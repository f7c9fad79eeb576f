"""The ground of every test run is loaded before anything of Django (tests/plugins/postgres.py)."""

pytest_plugins = ["tests.plugins.postgres"]
