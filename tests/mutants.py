"""`python -m tests.mutants [module ...]`: whether the tests notice when the pure modules are changed (figure G23).

Every function of the modules below is changed in one place at a time (a comparison, operator, number, condition,
raise), and the tests named beside the module run until one fails. A mutant nobody notices survives; it is printed with
its line. pytest collects once; each mutant is a fork in which the function's code is replaced where it stands, so that
whoever imported it has the mutant too. Tests that need the database are left out. Exit 1 under `GOAL`.
"""

import ast
import copy
import importlib
import os
import resource
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any
from uuid import UUID, uuid4

import pytest

GOAL = 0.90
PATIENCE_SECONDS = 240
"""Of the clock; a mutant that goes round for ever is stopped before by the processor time or memory it takes."""
PATIENCE_CPU = 10
"""Times the processor seconds that the unchanged tests take."""
MOST_BYTES = 2 * 1024**3
VAULT = "tests/vault/test_sealed_cells.py tests/vault/test_vectors.py tests/vault/test_pure_edges.py"
RENEWED = "tests/vault/test_two_generations.py"
MODULES = {
    "vault.kdf": VAULT,
    "vault.aead": f"{VAULT} {RENEWED}",
    "vault.envelope": f"{VAULT} {RENEWED}",
    "vault.pairwise": VAULT,
    "vault.indexes": "tests/vault/test_indexes.py tests/vault/test_pure_edges.py",
    "vault.stream": f"tests/vault/test_streams.py tests/vault/test_pure_edges.py {RENEWED}",
    "vault.age": "tests/vault/test_age.py",
    "vault.keyring": "tests/vault/test_keyring.py",
    "vault.signing": "tests/vault/test_signatures.py",
    "vault.x509": "tests/vault/test_x509.py tests/erasure/test_opendsr_verify.py",
    "audit.merkle": "tests/audit/test_merkle_edges.py tests/audit/test_merkle.py",
    "audit.canonical": "tests/audit/test_canonical.py",
    "audit.vocabulary": "tests/audit/test_vocabulary_edges.py",
    "audit.note": "tests/audit/test_note_edges.py tests/audit/test_note.py",
    "audit.cosignatures": "tests/audit/test_cosignatures.py",
    "audit.signing": "tests/audit/test_signing.py",
    "consent.states": "tests/consent/test_consent_states.py tests/consent/test_states_edges.py",
}
SKIPPED = ("100_000", "2000_mutated")
"""Tests that take seconds each and say nothing about a mutant that others do not."""
COMPARED = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip
REPLACED = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult,
    ast.LShift: ast.RShift, ast.RShift: ast.LShift, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
    ast.BitXor: ast.BitOr, ast.And: ast.Or, ast.Or: ast.And,
}  # fmt: skip


def changes(node: ast.AST) -> Iterator[ast.AST]:
    """What this one place could be instead."""
    if isinstance(node, ast.Compare) and type(node.ops[0]) in COMPARED:
        yield ast.Compare(node.left, [COMPARED[type(node.ops[0])](), *node.ops[1:]], node.comparators)
    elif isinstance(node, ast.BinOp) and type(node.op) in REPLACED:
        yield ast.BinOp(node.left, REPLACED[type(node.op)](), node.right)
    elif isinstance(node, ast.BoolOp):
        yield ast.BoolOp(REPLACED[type(node.op)](), node.values)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield node.operand
    elif isinstance(node, ast.Constant) and type(node.value) in (int, bytes, str, bool):
        yield ast.Constant(_other(node.value))
    elif isinstance(node, ast.If | ast.While | ast.IfExp):
        for verdict in (True, False) if not isinstance(node, ast.While) else (False,):
            changed = copy.copy(node)
            changed.test = ast.Constant(verdict)
            yield changed
    elif isinstance(node, ast.Raise):
        yield ast.Pass()


def _other(value: Any) -> Any:
    if isinstance(value, bool):
        return not value
    return value + 1 if isinstance(value, int) else value + (b"x" if isinstance(value, bytes) else "x")


def places(function: ast.AST) -> Iterator[tuple[ast.AST, str, int | None]]:
    """Every place of the function's body: parent, field, and index in a list. Docstrings and messages are left out."""
    todo: list[ast.AST] = [function]
    while todo:
        parent = todo.pop()
        for field, value in ast.iter_fields(parent):
            if field in {"annotation", "returns", "decorator_list", "args"} and isinstance(parent, ast.FunctionDef):
                continue
            for index, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
                if not isinstance(child, ast.AST) or _is_text(parent, child):
                    continue
                yield parent, field, index
                todo.append(child)


def _is_text(parent: ast.AST, child: ast.AST) -> bool:
    if isinstance(parent, ast.Expr) and isinstance(child, ast.Constant):
        return True
    return isinstance(parent, ast.Raise | ast.JoinedStr) or (
        isinstance(parent, ast.AnnAssign) and child is parent.annotation
    )


def mutants(tree: ast.Module) -> Iterator[tuple[str, int, str, CodeType]]:
    """Qualified name, line, what it became, and the code of the function, for every mutant of a module."""
    for name, function in functions(tree):
        for parent, field, index in list(places(function)):
            holder = getattr(parent, field)
            node = holder if index is None else holder[index]
            for changed in changes(node):
                _put(parent, field, index, ast.fix_missing_locations(ast.copy_location(changed, node)))
                yield name, getattr(node, "lineno", function.lineno), ast.unparse(changed)[:80], _code(tree, name)
                _put(parent, field, index, node)


def functions(tree: ast.AST, prefix: str = "") -> Iterator[tuple[str, ast.FunctionDef]]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef):
            yield from functions(node, f"{prefix}{node.name}.")
        elif isinstance(node, ast.FunctionDef):
            yield prefix + node.name, node


def _put(parent: ast.AST, field: str, index: int | None, node: ast.AST) -> None:
    if index is None:
        setattr(parent, field, node)
    else:
        getattr(parent, field)[index] = node


def _code(tree: ast.Module, name: str) -> CodeType:
    found: CodeType = compile(tree, "<mutant>", "exec")
    for part in name.split("."):
        found = next(each for each in found.co_consts if isinstance(each, CodeType) and each.co_name == part)
    return found


class Hunt:
    """Takes the place of pytest's loop: the tests pass as they are, then against every mutant until one fails."""

    def __init__(self, module: str) -> None:
        self.module = importlib.import_module(module)
        self.killed, self.survived = 0, []
        self.cpu_seconds = PATIENCE_SECONDS

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        items[:] = [item for item in items if not item.get_closest_marker("django_db") and not self._slow(item)]

    @staticmethod
    def _slow(item: Any) -> bool:
        hundredth = (
            "_" in item.fixturenames and getattr(item, "callspec", None) and item.callspec.params.get("_", 0) > 1
        )
        return bool(hundredth) or any(word in item.name for word in SKIPPED)

    def pytest_runtestloop(self, session: Any) -> bool:
        if not session.items or self._noticed(session, None, None):
            raise pytest.UsageError("The tests fail, or there are none, before anything is changed.")
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.cpu_seconds = 5 + int(PATIENCE_CPU * (used.ru_utime + used.ru_stime))
        tree = ast.parse(Path(str(self.module.__file__)).read_text())
        for name, line, became, code in mutants(tree):
            if self._noticed(session, name, code):
                self.killed += 1
            else:
                self.survived.append(f"{self.module.__name__}:{line} {name}: {became}")
        return True

    def _noticed(self, session: Any, name: str | None, code: CodeType | None) -> bool:
        pid = os.fork()
        if pid == 0:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            os.dup2(1, 2)
            resource.setrlimit(resource.RLIMIT_CPU, (self.cpu_seconds, self.cpu_seconds))
            resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
            os._exit(self._fails(session, name, code))
        end = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < end:
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                return os.waitstatus_to_exitcode(status) != 0
            time.sleep(0.002)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        return True

    def _fails(self, session: Any, name: str | None, code: CodeType | None) -> int:
        try:
            if name is not None and code is not None:
                self._function(name).__code__ = code
            failed: list[Any] = []
            session.config.pluginmanager.register(_Ear(failed))
            for item in session.items:
                item.ihook.pytest_runtest_protocol(item=item, nextitem=None)
                if failed:
                    return 1
            return 0
        except BaseException:
            return 1

    def _function(self, name: str) -> FunctionType:
        found: Any = self.module
        for part in name.split("."):
            found = vars(found)[part]
        found = getattr(found, "__func__", None) or getattr(found, "fget", None) or found
        return getattr(found, "__wrapped__", found)


class _Ear:
    def __init__(self, failed: list[Any]) -> None:
        self.failed = failed

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.failed:
            self.failed.append(report.nodeid)


def main(chosen: list[str]) -> int:
    """Hunts in the modules chosen, in this process for one, else in a process for each."""
    if len(chosen) != 1:
        codes = [os.spawnv(os.P_WAIT, sys.executable, [sys.executable, "-m", "tests.mutants", name]) for name in chosen]
        return max(codes, default=0)
    set_up()
    hunt = Hunt(chosen[0])
    # Neither the tests' server nor their conftest: what is pure needs three fixtures and is collected in a second.
    options = [
        "-c",
        os.devnull,
        "--rootdir",
        ".",
        "--noconftest",
        "-p",
        "no:terminal",
        "-p",
        "no:django",
        "-p",
        "no:randomly",
    ]
    pytest.main([*options, "-p", "no:cacheprovider", *MODULES[chosen[0]].split()], plugins=[hunt, fixtures(chosen[0])])
    total = hunt.killed + len(hunt.survived)
    print("\n".join(hunt.survived))
    score = hunt.killed / total if total else 0.0  # nothing was changed: that is no success either
    print(f"{chosen[0]}: {hunt.killed} of {total} mutants noticed, {score:.1%}", flush=True)
    return 0 if score >= GOAL else 1


def set_up() -> None:
    """Django stands, with settings that lead to no database."""
    import django

    os.environ.setdefault("DATABASE_URL", "postgresql://nobody@127.0.0.1/nothing")
    os.environ |= {"SECRET_KEY": "x" * 60, "PROFILE": "development", "BROKER_URL": "memory://"}
    os.environ["DJANGO_SETTINGS_MODULE"] = "gdpr_portal.settings"
    django.setup()


def fixtures(module: str) -> Any:
    """What the tests of the module ask for: the audit log's own conftest, whose `key` needs no database."""
    if module.startswith("audit."):
        return importlib.import_module("tests.audit.conftest")
    return KeyFixtures() if module == "vault.signing" else Fixtures()


class Fixtures:
    """What the tests of the vault's pure modules ask for."""

    @pytest.fixture
    def owner(self) -> UUID:
        return uuid4()

    @pytest.fixture
    def key(self, owner: UUID) -> Any:
        from vault.envelope import SubjectKey, new_data_key

        return SubjectKey(owner, new_data_key())

    @pytest.fixture
    def place(self) -> Any:
        from vault.envelope import Place

        return Place("subjects_field", "value", "41")


class KeyFixtures(Fixtures):
    """With a keyring, as tests/vault/conftest.py has it."""

    @pytest.fixture(autouse=True)
    def key_file(self, tmp_path: Path) -> Iterator[Path]:
        """Keys of its own on disk, and nothing of them left in the process."""
        from django.test import override_settings

        from tests.vault.conftest import forget
        from vault import keyfiles

        ring, audit = tmp_path / "keys" / "vault.json", tmp_path / "audit" / "audit.json"
        with override_settings(VAULT_KEY_FILE=ring, AUDIT_SIGNING_KEY_FILE=audit):
            keyfiles.initialise(key_file=ring, audit_file=audit, origin="test.example/audit")
            forget()
            yield ring
            forget()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or list(MODULES)))
