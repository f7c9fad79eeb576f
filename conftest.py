"""The ground of every test run is loaded before anything of Django (tests/plugins)."""

pytest_plugins = ["tests.plugins.postgres", "tests.plugins.browser", "tests.plugins.exhaustive", "tests.plugins.order"]
