"""Who calls whom in our own code, read from the source: enough to say whether a service writes, and whether it records.

Names are followed through imports and re-exports. What is called through a variable (`hook(...)`, `holding.erase(...)`)
is not seen, so that a service must record by itself or by what it names.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

WRITES = frozenset(
    {
        "save", "create", "bulk_create", "bulk_update", "get_or_create", "update_or_create", "delete", "copy_in",
        "copy_rows",
    }
)  # fmt: skip
VAULT_WRITES = frozenset(
    f"vault.services.{name}"
    for name in ("create_data_key", "destroy_data_key", "destroy_data_keys", "replace_data_key")
)
"""Of the vault only what is about a key counts: opening and sealing note which key version is in use."""
RECORDS = frozenset({"audit.services.record", "audit.services.record_many", "audit.services.named"})
"""`named` makes the event's part of a statement that writes it together with what it tells."""
BESIDES = frozenset({"vault.services.report_tamper"})
"""Tells of a changed cell wherever errors end: it is no event of the act that met it."""
CHANGES = re.compile(r"\b(INSERT INTO|DELETE FROM|UPDATE \w+ SET)\b")
"""What makes a statement of `gdpr_portal.prepared` one that writes."""


@dataclass
class Module:
    """One file: its functions, and what its names stand for."""

    name: str
    functions: dict[str, ast.FunctionDef] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    writing: set[str] = field(default_factory=set)
    """Its prepared statements that write."""


class Sources:
    """The modules below some packages of a folder."""

    def __init__(self, root: Path, packages: tuple[str, ...]) -> None:
        files = [
            file for package in packages for file in (root / package).rglob("*.py") if "migrations" not in file.parts
        ]
        self._called: dict[str, set[str]] = {}
        self._reached: dict[str, frozenset[str]] = {}
        self.modules = {module.name: module for module in (_read(root, file) for file in files)}

    def resolve(self, name: str, depth: int = 8) -> str:
        """The function that a qualified name stands for, through re-exports."""
        module, _dot, last = name.rpartition(".")
        known = self.modules.get(module)
        if depth == 0 or known is None or last in known.functions or last not in known.names:
            return name
        return self.resolve(known.names[last], depth - 1)

    def function(self, name: str) -> ast.FunctionDef | None:
        module, _dot, last = name.rpartition(".")
        return self.modules[module].functions.get(last) if module in self.modules else None

    def called_by(self, name: str) -> set[str]:
        """The qualified names a function calls or hands on (`partial(_send, ...)`)."""
        if name not in self._called:
            self._called[name] = self._look(name)
        return self._called[name]

    def _look(self, name: str) -> set[str]:
        module, function = self.modules[name.rpartition(".")[0]], self.function(name)
        found = {_qualified(node, module) for node in ast.walk(function)} if function else set()
        return {self.resolve(each) for each in found if each}

    def reach(self, name: str) -> frozenset[str]:
        """Everything a function can come to, itself included."""
        if name not in self._reached:
            self._reached[name] = frozenset(self._walk(name))
        return self._reached[name]

    def _walk(self, name: str) -> set[str]:
        seen, todo = set(), [name]
        while todo:
            now = todo.pop()
            if now not in seen:
                seen.add(now)
                todo += self.called_by(now) if self.function(now) and now not in BESIDES else []
        return seen

    def writes(self, name: str) -> bool:
        """Whether rows change on the way."""
        reach = {each for each in self.reach(name) if not each.startswith("vault.")}
        return bool(self.reach(name) & VAULT_WRITES) or any(self._writes(each) for each in reach)

    def _writes(self, name: str) -> bool:
        module, function = self.modules.get(name.rpartition(".")[0]), self.function(name)
        named = {node.id for node in ast.walk(function) if isinstance(node, ast.Name)} if function else set()
        return _writes(function) or (module is not None and bool(named & module.writing))

    def records(self, name: str) -> bool:
        """Whether the audit log hears of it on the way."""
        return bool(self.reach(name) & RECORDS)

    @cached_property
    def services(self) -> list[str]:
        """The public functions of every `services` package."""
        return sorted(
            f"{module.name}.{name}"
            for module in self.modules.values()
            for name in module.functions
            if ".services" in module.name
            and not name.startswith("_")
            and not module.name.startswith(("audit", "vault"))
        )


def _read(root: Path, file: Path) -> Module:
    parts = list(file.relative_to(root).with_suffix("").parts)
    module = Module(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    tree = ast.parse(file.read_text())
    for node in ast.walk(tree):
        module.names.update(_imported(node))
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            module.functions[node.name] = node
    texts = {_target(node): node.value for node in tree.body if isinstance(node, ast.Assign)}
    module.writing = {name for name, value in texts.items() if _is_prepared(value) and _changes(value, texts)}
    return module


def _target(node: ast.Assign) -> str:
    return node.targets[0].id if isinstance(node.targets[0], ast.Name) else ""


def _is_prepared(value: ast.expr) -> bool:
    return isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "Prepared"


def _changes(value: ast.expr, texts: dict[str, ast.expr]) -> bool:
    """Whether the statement changes rows, by its own words or by those of a text it is made of."""
    parts = [texts[node.id] for node in ast.walk(value) if isinstance(node, ast.Name) and node.id in texts]
    return bool(CHANGES.search(ast.unparse(value))) or any(_changes(part, texts) for part in parts)


def _imported(node: ast.AST) -> Iterator[tuple[str, str]]:
    if isinstance(node, ast.ImportFrom) and node.module and not node.level:
        yield from ((name.asname or name.name, f"{node.module}.{name.name}") for name in node.names)
    if isinstance(node, ast.Import):
        yield from ((name.asname or name.name, name.name) for name in node.names)


def _qualified(node: ast.AST, module: Module) -> str | None:
    if isinstance(node, ast.Name):
        return f"{module.name}.{node.id}" if node.id in module.functions else module.names.get(node.id)
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in module.names:
        return f"{module.names[node.value.id]}.{node.attr}"
    return None


def _writes(function: ast.FunctionDef | None) -> bool:
    calls = [node for node in ast.walk(function) if isinstance(node, ast.Call)] if function else []
    return any(_is_write(call) for call in calls if isinstance(call.func, ast.Attribute))


def _is_write(call: ast.Call) -> bool:
    """A method of rows that changes them; `update` only as rows take it, by name."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    return name in WRITES or (name == "update" and bool(call.keywords) and not call.args)
