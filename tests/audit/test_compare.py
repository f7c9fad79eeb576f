"""Two people compare what they kept: a split view is shown with its proof, an honest log is not accused."""

import uuid
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from audit.models import Checkpoint
from tests.audit.tools import seal, tamper

pytestmark = pytest.mark.django_db(transaction=True)

Fill = Callable[[int], list[uuid.UUID]]


def compared(a: Path, b: Path) -> tuple[int, str]:
    out = StringIO()
    try:
        call_command("audit_compare", str(a), str(b), stdout=out)
    except SystemExit as end:
        return int(str(end.code)), out.getvalue()
    return 0, out.getvalue()


def keep(path: Path, size: int) -> Path:
    path.write_text(Checkpoint.objects.get(size=size).note)
    return path


def sign_anew_with_the_stolen_key(event: uuid.UUID) -> None:
    tamper("UPDATE audit_event SET action = 'data.erased' WHERE id = %s", event)
    for table in ("audit_checkpoint", "audit_node", "audit_leaf"):
        tamper(f"DELETE FROM {table}")
    seal()


def test_two_of_one_log_agree_with_the_hashes_between_them(log: Fill, tmp_path: Path) -> None:
    log(5)
    log(6)
    code, said = compared(keep(tmp_path / "irm", 5), keep(tmp_path / "qa", 11))
    assert code == 0 and "no contradiction" in said and said.count("consistency ") >= 2
    assert compared(tmp_path / "qa", tmp_path / "irm")[0] == 0
    assert compared(tmp_path / "qa", tmp_path / "qa")[0] == 0


def test_two_roots_for_one_size_are_a_split_view_with_both_signatures(log: Fill, tmp_path: Path) -> None:
    ids = log(9)
    irm = keep(tmp_path / "irm", 9)
    sign_anew_with_the_stolen_key(ids[3])
    code, said = compared(irm, keep(tmp_path / "qa", 9))
    assert code == 1 and "CONTRADICTION: split view" in said
    assert irm.read_text() in said and (tmp_path / "qa").read_text() in said


def test_of_different_sizes_the_one_that_is_not_of_this_log_is_named(log: Fill, tmp_path: Path) -> None:
    ids = log(9)
    irm = keep(tmp_path / "irm", 9)
    sign_anew_with_the_stolen_key(ids[3])
    log(4)
    code, said = compared(irm, keep(tmp_path / "qa", 13))
    assert code == 1 and "cannot lead from the one to the other" in said
    assert "9 entries: is not what this log had" in said and "13 entries: is what this log had" in said


def test_a_log_that_was_cut_is_told(log: Fill, tmp_path: Path) -> None:
    log(4)
    log(5)
    a, b = keep(tmp_path / "a", 4), keep(tmp_path / "b", 9)
    tamper("DELETE FROM audit_leaf WHERE seq >= 6")
    tamper("DELETE FROM audit_checkpoint WHERE size > 6")
    code, said = compared(a, b)
    assert code == 1 and "9 entries: this log has fewer entries now" in said


def test_a_forged_one_is_told_and_what_cannot_be_read_is_another_exit(log: Fill, tmp_path: Path) -> None:
    log(4)
    real = keep(tmp_path / "real", 4)
    (tmp_path / "forged").write_text(real.read_text().replace("\n4\n", "\n5\n"))
    assert "FORGED" in compared(real, tmp_path / "forged")[1]
    with pytest.raises(CommandError) as gone:
        call_command("audit_compare", str(real), str(tmp_path / "nowhere"))
    assert gone.value.returncode == 2
