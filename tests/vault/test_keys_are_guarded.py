"""Missing, wrong or open to others: the vault is sealed and says why; keys never show (threat T4, fault F26)."""

import base64
import copy
import json
import os
import pickle
import subprocess
import sys
import time

import pytest

from gdpr_portal.errors import Unavailable
from vault import keyfiles, keyring, providers, services
from vault.providers import RECHECK_SECONDS, Sealed

from .conftest import forget

CALLS = [
    lambda owner: services.create_data_key(owner),
    lambda owner: services.subject_key(owner),
    lambda owner: services.blind_index("a.b", "x"),
    lambda owner: services.blind_indexes("a.b", "x"),
    lambda owner: services.keyed_digest("token", b"x"),
    lambda owner: services.pairwise_id(owner, owner),
    lambda owner: services.subject_of(owner, owner),
    lambda owner: services.seal_secret(services.Place("a", "b", "c"), b"x"),
]


def write(path, text: bytes, mode: int = 0o400) -> None:
    path.unlink(missing_ok=True)
    path.write_bytes(text)
    path.chmod(mode)


def reason() -> str:
    with pytest.raises(Sealed) as sealed:
        providers.keyring(fresh=True)
    return sealed.value.reason


def test_init_makes_files_of_their_owner_alone_and_never_overwrites(tmp_path):
    key_file, audit_file = tmp_path / "a" / "vault.json", tmp_path / "b" / "audit.json"
    made = keyfiles.initialise(key_file=key_file, audit_file=audit_file, origin="log.example")
    before = {path: path.read_bytes() for path in made}

    again = keyfiles.initialise(key_file=key_file, audit_file=audit_file, origin="log.example")

    assert made == [audit_file, key_file, key_file.with_name("audit.vkey")]
    assert [path.stat().st_mode & 0o777 for path in made] == [0o400, 0o400, 0o444]
    assert [path.parent.stat().st_mode & 0o777 for path in made[:2]] == [0o700, 0o700]
    assert again == []
    assert {path: path.read_bytes() for path in made} == before


def test_a_missing_key_file_seals(key_file):
    assert providers.keyring().current("master") == 1
    key_file.unlink()

    assert reason() == "the key file is missing"


@pytest.mark.parametrize("mode", [0o440, 0o404, 0o644, 0o600 | 0o020])
def test_a_key_file_others_can_read_or_write_seals(key_file, mode):
    key_file.chmod(mode)

    assert "mode 0400" in reason()


def damaged(change) -> bytes:
    document = json.loads(keyring.generate(audit_public=None).dump())
    change(document)
    return json.dumps(document).encode()


DAMAGES = [
    b"", b"{", b"[]", b"null", b'"text"', b"\xff\xfe",
    damaged(lambda document: document.update(format=2)),
    damaged(lambda document: document["keys"].pop("index")),
    damaged(lambda document: document["keys"]["master"].update(current=2)),
    damaged(lambda document: document["keys"]["master"]["versions"].update({"1": "c2hvcnQ"})),
    damaged(lambda document: document["keys"]["master"]["versions"].update({"1": "!!!!"})),
    damaged(lambda document: document["keys"]["master"]["versions"].update({"0": "A" * 43})),
    damaged(lambda document: document["keys"]["master"].update(versions=[])),
    damaged(lambda document: document["keys"]["ledger"].update(versions=None)),
]  # fmt: skip


@pytest.mark.parametrize("text", DAMAGES)
def test_a_damaged_key_file_seals_and_its_content_is_not_quoted(key_file, text):
    write(key_file, text)

    said = reason()

    assert said.startswith("the key file is damaged")
    assert "c2hvcnQ" not in said


@pytest.mark.django_db
def test_a_key_taken_away_at_run_time_seals_within_a_second_and_one_brought_back_opens(key_file, owner):
    services.create_data_key(owner)
    text = key_file.read_bytes()
    assert services.status().unsealed

    key_file.unlink()
    time.sleep(RECHECK_SECONDS + 0.05)
    for call in CALLS:
        with pytest.raises(Unavailable) as refused:
            call(owner)
        assert (refused.value.code, refused.value.status) == ("unavailable", 503)
    assert services.status() == services.Status(False, "the key file is missing")

    write(key_file, text)
    assert services.subject_key(owner).owner == owner
    assert services.status().unsealed


@pytest.mark.django_db
def test_another_keyring_is_noticed_before_anything_is_written(key_file, owner):
    services.create_data_key(owner)
    write(key_file, keyring.generate(audit_public=None).dump())
    forget()

    for call in (CALLS[0], CALLS[1], CALLS[7]):
        with pytest.raises(Sealed):
            call(owner)
    assert services.status().reason == "the keyring is not the one this database was sealed with"


@pytest.mark.django_db
def test_a_keyring_from_before_a_rotation_is_noticed(key_file, owner):
    old = key_file.read_bytes()
    keyfiles.change(key_file, lambda ring: ring.with_version("master"))
    forget()
    services.create_data_key(owner)
    write(key_file, old)

    assert services.status().reason == "the keyring is older than what this database was sealed with"


def secrets_of(key_file) -> set[bytes]:
    document = json.loads(key_file.read_bytes())
    texts = [text for kind in document["keys"].values() for text in kind["versions"].values()]
    raws = [base64.urlsafe_b64decode(text + "=") for text in texts]
    assert len(raws) == len(keyring.KINDS)
    return {form for text, raw in zip(texts, raws, strict=True) for form in (text.encode(), raw, raw.hex().encode())}


def test_no_key_shows_in_text_copies_or_pickles(key_file, key, settings):
    ring = providers.keyring()
    checkpoint = keyfiles.read_checkpoint_key(settings.AUDIT_SIGNING_KEY_FILE)
    hidden = [ring, ring._kinds["master"], key, checkpoint]
    secrets = secrets_of(key_file) | {repr(raw).encode() for raw in [key._data_key, checkpoint._seed]}

    for thing in hidden:
        for shown in (repr(thing), str(thing), f"{thing}", repr([thing]), repr({1: thing})):
            assert not any(secret in shown.encode() for secret in secrets)
            assert not any(repr(secret)[2:-1] in shown for secret in secrets)
        for spread in (pickle.dumps, copy.copy, copy.deepcopy):
            with pytest.raises(TypeError):
                spread(thing)
    with pytest.raises(TypeError):
        vars(ring)


PROGRAM = """
import ctypes, json, os, sys
from django.conf import settings
settings.configure(VAULT_KEY_FILE="/nowhere/vault.json")
from vault import providers
secret = sys.argv[1].encode()
seen_before = secret in open("/proc/self/environ", "rb").read()
ring = providers.keyring()
assert providers.keyring(fresh=True) is ring
print(json.dumps({
    "master": ring.current("master"),
    "seen_before": seen_before,
    "in_os_environ": any(secret.decode() in value for value in os.environ.values()),
    "names": [name for name in os.environ if "KEYRING" in name],
    "in_proc": secret in open("/proc/self/environ", "rb").read(),
    "dumpable": ctypes.CDLL(None).prctl(3, 0, 0, 0, 0),
    "child": secret in __import__("subprocess").run(["env"], capture_output=True).stdout,
}))
"""


def run(secret: str, environment: dict[str, str], **options) -> dict:
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": os.getcwd()} | environment
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, secret], env=environment, capture_output=True, text=True, timeout=600, **options
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="/proc and prctl are Linux")
def test_a_keyring_in_the_environment_leaves_it_at_once_and_the_process_cannot_be_dumped(key_file):
    text = key_file.read_text()
    secret = json.loads(text)["keys"]["master"]["versions"]["1"]

    found = run(secret, {"VAULT_KEYRING": text})

    assert found == {
        "master": 1, "seen_before": True, "in_os_environ": False, "names": [], "in_proc": False, "dumpable": 0,
        "child": False,
    }  # fmt: skip


@pytest.mark.skipif(sys.platform != "linux", reason="/proc and prctl are Linux")
def test_a_keyring_from_a_descriptor_is_read_once(key_file):
    secret = json.loads(key_file.read_text())["keys"]["master"]["versions"]["1"]
    with key_file.open("rb") as file:
        found = run(secret, {"VAULT_KEYRING_FD": str(file.fileno())}, pass_fds=[file.fileno()])

    assert (found["master"], found["names"], found["in_proc"], found["dumpable"]) == (1, [], False, 0)
