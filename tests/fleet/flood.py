"""A flood: `python -m tests.fleet.flood PORT TOKEN SUBJECT --clients 400 --seconds 15`; its answers by kind, as JSON.

Each client asks again as soon as it is answered, by turns for a list, a value and a decision: far more than two
processes answer. It knows nothing of the service's code.
"""

import argparse
import asyncio
import json
import time
from collections import Counter, defaultdict
from itertools import cycle

JSON = "Content-Type: application/json\r\n"


def questions(subject: str) -> dict[str, tuple[str, str, bytes]]:
    """Method, path and body of each kind."""
    ask = json.dumps({"subject": subject, "purpose": "newsletter"}).encode()
    return {
        "lists": ("GET", "/api/v1/purposes", b""),
        "data": ("GET", f"/api/v1/subjects/{subject}/data?purpose=orders", b""),
        "decisions": ("POST", "/api/v1/decisions", ask),
    }


async def _asked(port: int, token: str, question: tuple[str, str, bytes]) -> int:
    """The status of the answer; 0 for none."""
    method, path, body = question
    head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n"
    head += f"{JSON}Content-Length: {len(body)}\r\n\r\n" if body else "\r\n"
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(head.encode() + body)
            line = await reader.readline()
            await reader.read()
        finally:
            writer.close()
        return int(line.split()[1])
    except (OSError, IndexError, ValueError):
        return 0


async def flood(port: int, token: str, subject: str, clients: int, seconds: float) -> dict[str, dict[str, int]]:
    """What was answered: status to count, by kind."""
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    end = time.monotonic() + seconds

    async def client(number: int) -> None:
        kinds = cycle(questions(subject).items())
        for _ in range(number % 3):
            next(kinds)
        while time.monotonic() < end:
            kind, question = next(kinds)
            counts[kind][str(await _asked(port, token, question))] += 1

    await asyncio.gather(*(client(number) for number in range(clients)))
    return {kind: dict(sorted(each.items())) for kind, each in sorted(counts.items())}


def main() -> None:
    asked = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    asked.add_argument("port", type=int)
    asked.add_argument("token")
    asked.add_argument("subject")
    asked.add_argument("--clients", type=int, default=400)
    asked.add_argument("--seconds", type=float, default=15.0)
    given = asked.parse_args()
    print(json.dumps(asyncio.run(flood(given.port, given.token, given.subject, given.clients, given.seconds))))


if __name__ == "__main__":
    main()
