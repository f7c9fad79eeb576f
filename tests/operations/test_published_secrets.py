"""What stands in files that everybody can read opens no service for people's data (threat T54)."""

import os
import re
import secrets
import subprocess
import sys
from pathlib import Path

import pytest

FILES = ("compose.yaml", "Dockerfile", "Makefile", "tests/plugins/postgres.py", "bench/world.py")
WRITTEN = re.compile(r"""SECRET_KEY"?(?:=|: ?|, )"?([A-Za-z0-9-]{3,})""")


def starts(repository: Path, key: str, profile: str) -> bool:
    named = {"SECRET_KEY": key, "PROFILE": profile, "DATABASE_URL": "postgresql:///x", "BROKER_URL": "pgmq://"}
    command = [sys.executable, "-c", "import gdpr_portal.settings"]
    env = {"PATH": os.environ["PATH"], "ALLOWED_HOSTS": "portal.example", "BASE_URL": "https://portal.example", **named}
    done = subprocess.run(command, env=env, cwd=repository, capture_output=True, text=True, check=False)
    assert done.returncode == 0 or "SECRET_KEY must be a random one" in done.stderr, done.stderr
    return done.returncode == 0


@pytest.mark.parametrize("file", FILES)
def test_no_published_key_starts_it(repository: Path, file: str) -> None:
    found = [key + "x" * 50 if key.endswith("-") else key for key in WRITTEN.findall((repository / file).read_text())]
    assert found
    for key in found:
        assert not starts(repository, key, "production"), key


def test_a_random_one_does(repository: Path) -> None:
    assert starts(repository, secrets.token_urlsafe(50), "production")
    assert starts(repository, "short", "development")
    assert not starts(repository, "short", "staging")
