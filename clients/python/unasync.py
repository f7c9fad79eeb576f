"""`python unasync.py` writes `_sync`, which is `_async` without waiting; `--check` says whether it is so."""

import re
import sys
from pathlib import Path

SOURCE = Path(__file__).parent / "src" / "gdpr_portal_client"
WORDS = [
    (r"import asyncio\n", ""),
    (r"asyncio\.Lock", "threading.Lock"),
    (r"asyncio\.sleep", "time.sleep"),
    (r"asynccontextmanager", "contextmanager"),
    (r"\basync with\b", "with"),
    (r"\basync for\b", "for"),
    (r"\basync def\b", "def"),
    (r"\bawait ", ""),
    (r"AsyncIterator", "Iterator"),
    (r"httpx\.AsyncClient", "httpx.Client"),
    (r"AsyncPortal", "Portal"),
    (r"AsyncTransport", "Transport"),
    (r"AsyncLocalDecisions", "LocalDecisions"),
    (r"__aenter__", "__enter__"),
    (r"__aexit__", "__exit__"),
    (r"\baclose\b", "close"),
    (r"\baread\b", "read"),
    (r"aiter_bytes", "iter_bytes"),
    (r"_async\b", "_sync"),
    (r"in a task of its own", "in a thread of its own"),
    (r"for as long as the task runs", "for as long as the thread runs"),
]


def without_waiting(text: str) -> str:
    """The sync form of an async module."""
    for pattern, word in WORDS:
        text = re.sub(pattern, word, text)
    if "threading." in text:
        text = text.replace("import time\n", "import threading\nimport time\n", 1)
    return text


def main() -> int:
    """Writes the sync modules, or with `--check` tells which are not what they should be."""
    wrong = []
    for module in sorted((SOURCE / "_async").glob("*.py")):
        target, text = SOURCE / "_sync" / module.name, without_waiting(module.read_text("utf-8"))
        if "--check" in sys.argv:
            wrong += [] if target.exists() and target.read_text("utf-8") == text else [target.name]
        else:
            target.parent.mkdir(exist_ok=True)
            target.write_text(text, "utf-8")
    if wrong:
        sys.stderr.write(f"not made by unasync.py: {wrong}\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
