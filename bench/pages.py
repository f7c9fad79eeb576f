"""Time to first byte and weight of each page of a running instance, as a browser gets it the first time.

    make run                                  in another terminal; RUN_DIR as there
    python -m bench.pages [--times 20]

Milliseconds are the median from the request to the first byte of the answer, over one kept connection, after one that
is not counted. Bytes are those on the wire: the page, and with all that it loads (styles, scripts, icons),
as compressed as a browser asks for. Exit 1 when the front page weighs over 100 kB.
"""

import argparse
import http.client
import json
import os
import re
import statistics
import subprocess
import sys
import time
from http.cookiejar import MozillaCookieJar
from pathlib import Path
from tempfile import NamedTemporaryFile
from urllib.parse import urlsplit

PORTAL = ("/", "/data", "/consent", "/sharing", "/requests", "/requests/new/erasure", "/activity", "/security")
SIGNED_OUT = ("/", "/login", "/signup", "/request")
DESK = ("/admin/", "/admin/erasure/rightsrequest/", "/admin/consent/purpose/")
VISITS = (("nobody", "", SIGNED_OUT), ("person", "alice", PORTAL), ("reviewer", "rita", DESK))
ASSET = re.compile(rb'(?:href|src)="(/static/[^"#]+)')
MOST_BYTES = 100_000


class Browser:
    """One kept connection with the cookies of somebody of the demo, or of nobody."""

    def __init__(self, demo: dict[str, object], name: str) -> None:
        at = urlsplit(str(demo["web"]))
        self._line = http.client.HTTPConnection(at.hostname or "", at.port, timeout=30)
        self._headers = {"Accept-Encoding": "gzip", "Accept-Language": "en"} | _cookies(demo, name)

    def get(self, path: str) -> tuple[float, int, bytes]:
        """Milliseconds to the first byte, bytes on the wire, and the content."""
        began = time.perf_counter()
        self._line.request("GET", path, headers=self._headers)
        answer = self._line.getresponse()
        taken = 1000 * (time.perf_counter() - began)
        raw = answer.read()
        if answer.status != 200:
            raise SystemExit(f"{path} answered {answer.status}")
        head = sum(len(name) + len(value) + 4 for name, value in answer.getheaders())
        return taken, len(raw) + head, _plain(raw, answer.getheader("Content-Encoding"))


def _plain(raw: bytes, encoding: str | None) -> bytes:
    import gzip

    return gzip.decompress(raw) if encoding == "gzip" else raw


def _cookies(demo: dict[str, object], name: str) -> dict[str, str]:
    if not name:
        return {}
    command = [*demo["manage"], "demo_session", name]  # type: ignore[misc]
    said = subprocess.run(command, env=os.environ | demo["env"], capture_output=True, text=True, check=True)  # type: ignore[operator]
    with NamedTemporaryFile("w", suffix=".txt") as file:
        file.write(said.stdout)
        file.flush()
        jar = MozillaCookieJar(file.name)
        jar.load(ignore_discard=True, ignore_expires=True)
    return {"Cookie": "; ".join(f"{each.name}={each.value}" for each in jar)}


def main() -> int:
    asked = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    asked.add_argument("--times", type=int, default=20)
    given = asked.parse_args()
    demo = json.loads((Path(os.environ.get("RUN_DIR", ".run")) / "demo.json").read_text())
    print("| who | page | ms to first byte | page, kB | with all it loads, kB | loads |")
    print("| --- | --- | ---: | ---: | ---: | ---: |")
    heaviest = 0
    for who, name, paths in VISITS:
        browser = Browser(demo, name)
        for path in paths:
            _, weight, content = browser.get(path)
            assets = {found.decode() for found in ASSET.findall(content)}
            whole = weight + sum(browser.get(asset)[1] for asset in assets)
            median = statistics.median(browser.get(path)[0] for _ in range(given.times))
            print(f"| {who} | `{path}` | {median:.1f} | {weight / 1000:.1f} | {whole / 1000:.1f} | {len(assets)} |")
            heaviest = max(heaviest, whole if path == "/" else 0)
    return int(heaviest > MOST_BYTES)


if __name__ == "__main__":
    sys.exit(main())
