"""The ground of every test run is loaded before anything of Django (tests/plugins)."""

pytest_plugins = [
    f"tests.plugins.{name}" for name in ("postgres", "browser", "exhaustive", "order", "garbage", "examples")
]
