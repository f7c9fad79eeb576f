"""The outsider's verifier: one file, standard library only, finds what was done to a dump and says where."""

import ast
import base64
import json
import subprocess
import sys
import uuid
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from audit import standalone_verifier
from audit.models import Checkpoint
from tests.audit.tools import tamper, write

pytestmark = pytest.mark.django_db(transaction=True)

Fill = Callable[[int], list[uuid.UUID]]
SCRIPT = Path(standalone_verifier.__file__)


class Dump:
    """A dump on disk and the ways to bend it."""

    def __init__(self, path: Path, key: str) -> None:
        self.path, self.key = path, key
        call_command("audit_dump", str(path), stdout=StringIO())
        self.rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]

    def save(self) -> None:
        self.path.write_text("".join(json.dumps(row) + "\n" for row in self.rows), encoding="utf-8")

    def number(self) -> None:
        for index, row in enumerate(self.rows[:-1]):
            row["index"] = index

    def edit(self, at: int, old: bytes, new: bytes) -> None:
        leaf = base64.b64decode(self.rows[at]["leaf"])
        assert old in leaf
        self.rows[at]["leaf"] = base64.b64encode(leaf.replace(old, new)).decode()

    def verdict(self, capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
        code = standalone_verifier.main([str(self.path), "--key", self.key, *arguments])
        return code, capsys.readouterr().out


@pytest.fixture
def dump(log: Fill, key: str, tmp_path: Path) -> Dump:
    log(6)
    log(7)
    return Dump(tmp_path / "log.jsonl", key)


def keep(tmp_path: Path, size: int) -> str:
    path = tmp_path / f"held-{size}.txt"
    path.write_text(Checkpoint.objects.get(size=size).note, encoding="utf-8")
    return str(path)


def test_it_needs_nothing_but_the_standard_library() -> None:
    tree = ast.parse(SCRIPT.read_text(encoding="utf-8"))
    names = {
        alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names
    } | {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}  # fmt: skip
    assert {name.split(".")[0] for name in names} <= set(sys.stdlib_module_names)


def test_as_a_program_of_its_own_it_verifies_a_dump(dump: Dump, tmp_path: Path) -> None:
    alone = tmp_path / "verifier.py"
    alone.write_bytes(SCRIPT.read_bytes())
    command = [sys.executable, "-I", str(alone), str(dump.path), "--key", dump.key]
    done = subprocess.run([*command, "--checkpoint", keep(tmp_path, 6)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "ok: 13 entries, 1 held checkpoints\n")
    dump.edit(4, b'"newsletter"', b'"newsletteR"')
    dump.save()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1


def test_it_runs_from_the_folder_it_lies_in(dump: Dump) -> None:
    """Beside it lie modules named like the library's (`selectors`): they must not be taken for those."""
    command = [sys.executable, str(SCRIPT), str(dump.path), "--key", dump.key]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "ok: 13 entries, 0 held checkpoints\n", "")


def test_a_dump_is_entries_in_order_then_one_checkpoint(dump: Dump) -> None:
    assert [row["index"] for row in dump.rows[:-1]] == list(range(13))
    assert set(dump.rows[-1]) == {"checkpoint", "vkey"}
    assert dump.rows[-1]["vkey"] == dump.key


def test_a_changed_entry_is_narrowed_down_by_held_checkpoints(
    dump: Dump, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dump.edit(7, b"consent.withdrawn", b"consent.given")
    dump.save()
    assert dump.verdict(capsys) == (1, "entry 0 to 12: changed (their root is not the checkpoint's)\n")
    assert dump.verdict(capsys, "--checkpoint", keep(tmp_path, 6)) == (
        1, "entry 6 to 12: changed (their root is not the checkpoint's)\n",
    )  # fmt: skip


@pytest.mark.parametrize("at", [0, 5, 12])
def test_a_missing_entry_is_named(dump: Dump, at: int, capsys: pytest.CaptureFixture[str]) -> None:
    del dump.rows[at]
    dump.save()
    code, told = dump.verdict(capsys)
    assert code == 1
    assert f"entry {at}: missing" in told or (at == 12 and "entry 12 to 12: truncated" in told)


def test_a_cut_tail_a_longer_tail_and_a_lost_checkpoint_are_told(
    dump: Dump, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = list(dump.rows)
    dump.rows = [*whole[:9], whole[-1]]
    dump.save()
    assert "entry 9 to 12: truncated" in dump.verdict(capsys)[1]
    dump.rows = [*whole[:-1], {**whole[3], "index": 13}, whole[-1]]
    dump.save()
    assert "entry 13 to 13: inserted" in dump.verdict(capsys)[1]
    dump.rows = whole[:-1]
    dump.save()
    assert "entry 13: truncated" in dump.verdict(capsys)[1]


def test_swapped_entries_are_reordered_and_found_even_when_renumbered(
    dump: Dump, capsys: pytest.CaptureFixture[str]
) -> None:
    dump.rows[3], dump.rows[9] = dump.rows[9], dump.rows[3]
    dump.save()
    assert "entry 3: reordered" in dump.verdict(capsys)[1]
    dump.number()
    dump.save()
    code, told = dump.verdict(capsys)
    assert (code, told) == (1, "entry 0 to 12: changed (their root is not the checkpoint's)\n")


@pytest.mark.parametrize("leaf", [b"{}", b"hello", b'{"a":1}', b"\xff"])
def test_an_entry_of_another_form_is_named(dump: Dump, leaf: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    dump.rows[7]["leaf"] = base64.b64encode(leaf).decode()
    dump.save()
    assert "entry 7: changed" in dump.verdict(capsys)[1]


def test_reformatted_json_is_not_the_entry(dump: Dump, capsys: pytest.CaptureFixture[str]) -> None:
    dump.edit(7, b'","', b'", "')
    dump.save()
    assert "entry 7: changed (not in canonical form)" in dump.verdict(capsys)[1]


@pytest.mark.parametrize("line", ["", "not json", '{"index": "x", "leaf": "AA=="}', '{"index": 3, "leaf": "?"}', "[]"])
def test_a_line_that_cannot_be_read_is_named(dump: Dump, line: str, capsys: pytest.CaptureFixture[str]) -> None:
    lines = dump.path.read_text(encoding="utf-8").splitlines()
    lines[3] = line
    dump.path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert "entry 3: changed (line 4" in dump.verdict(capsys)[1]


def test_the_key_is_the_one_you_were_given_not_the_one_in_the_dump(
    dump: Dump, capsys: pytest.CaptureFixture[str]
) -> None:
    from audit import note

    other = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
    dump.key = note.encode_vkey("gdpr-portal.example/audit", bytes.fromhex(other))
    assert dump.verdict(capsys) == (1, "checkpoint: forged (not signed by the key you gave)\n")


def test_rollback_and_split_view_are_told_by_held_checkpoints(
    dump: Dump, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    held = keep(tmp_path, 13)
    for table in ("audit_leaf", "audit_node", "audit_checkpoint"):
        tamper(f"DELETE FROM {table}")
    tamper("DELETE FROM audit_event WHERE ordinal > (SELECT min(ordinal) + 5 FROM audit_event)")
    from tests.audit.tools import seal

    seal()
    rolled = Dump(tmp_path / "rolled.jsonl", dump.key)
    assert rolled.verdict(capsys)[0] == 0
    code, told = rolled.verdict(capsys, "--checkpoint", held)
    assert code == 1
    assert "rollback (you hold 13 entries, the dump has 6)" in told
    write(7)
    seal()
    other = Dump(tmp_path / "other.jsonl", dump.key)
    assert "split view" in other.verdict(capsys, "--checkpoint", held)[1]
    compared = ["--key", dump.key, "--compare"]
    assert standalone_verifier.main([*compared, str(dump.path), str(other.path)]) == 1
    assert "entry 6: split view" in capsys.readouterr().out
    assert standalone_verifier.main([*compared, held, str(_second(tmp_path))]) == 1
    assert "CONTRADICTION: split view, two roots for the same 13 entries" in capsys.readouterr().out


def _second(tmp_path: Path) -> Path:
    path = tmp_path / "second.txt"
    path.write_text(Checkpoint.objects.get(size=13).note, encoding="utf-8")
    return path


def test_comparing_what_agrees_finds_nothing(dump: Dump, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    six, thirteen = keep(tmp_path, 6), keep(tmp_path, 13)
    for arguments in (
        ["--compare", thirteen, thirteen],
        [str(dump.path), "--compare", six, thirteen],
        ["--compare", str(dump.path), six],
        ["--compare", str(dump.path), str(dump.path)],
    ):
        assert standalone_verifier.main(["--key", dump.key, *arguments]) == 0, arguments
        assert capsys.readouterr().out == "no contradiction\n"
    assert standalone_verifier.main(["--compare", six, thirteen]) == 2


@pytest.mark.parametrize("arguments", [["/none"], ["/none", "--key", "a+b+c"]])
def test_input_that_cannot_be_read_ends_with_2(arguments: list[str]) -> None:
    try:
        code = standalone_verifier.main(arguments)
    except SystemExit as end:
        code = int(end.code or 0)
    assert code == 2


def test_a_dump_before_the_first_checkpoint_is_refused_and_leaves_no_file(
    transactional_db: None, tmp_path: Path
) -> None:
    with pytest.raises(CommandError):
        call_command("audit_dump", str(tmp_path / "log.jsonl"))
    assert list(tmp_path.iterdir()) == []
