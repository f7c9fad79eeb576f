"""Our rules in short time: a night on call is seen in minutes. Thresholds stay, but for one."""

import re
from pathlib import Path
from typing import Any

import yaml

FACTOR = 20
FOLDER = Path(__file__).resolve().parents[2] / "deploy" / "monitoring" / "prometheus"
UNITS = {"s": 1, "m": 60, "h": 3600}
RATE_WINDOW = re.compile(r"(rate\([a-z_]+(?:\{[^}]*\})?)\[(\d+)([smh])\]")
NO_ROW_CAN_SAY = {"PortalTransactionOpen": ("> 300", "> 15")}
"""Ages that the database's own clock has: they cannot be told to a row."""


def seconds(text: str) -> int:
    """`5m` -> 300."""
    return int(text[:-1]) * UNITS[text[-1]]


def shorter(text: str) -> str:
    """The time of a rule, divided; a second at least."""
    return f"{max(seconds(text) // FACTOR, 1)}s"


def rule(given: dict[str, Any]) -> dict[str, Any]:
    """The rule with its `for:` and its windows of rates shortened; increases, slopes and offsets stay."""
    expr = RATE_WINDOW.sub(lambda found: f"{found[1]}[{shorter(found[2] + found[3])}]", given["expr"])
    if given.get("alert") in NO_ROW_CAN_SAY:
        expr = expr.replace(*NO_ROW_CAN_SAY[given["alert"]])
    return given | {"expr": expr} | ({"for": shorter(given["for"])} if "for" in given else {})


def write(folder: Path, metrics: str) -> Path:
    """prometheus.yml with both rule files beside it, which asks `metrics` (host:port) every second."""
    for name in ("recording.yml", "alerts.yml"):
        groups = yaml.safe_load((FOLDER / name).read_text())["groups"]
        short = [group | {"rules": [rule(each) for each in group["rules"]]} for group in groups]
        (folder / name).write_text(yaml.safe_dump({"groups": short}))
    configuration = yaml.safe_load((FOLDER / "prometheus.yml").read_text())
    configuration["global"] = {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
    configuration.pop("alerting")
    configuration["scrape_configs"][0]["static_configs"] = [{"targets": [metrics]}]
    file = folder / "prometheus.yml"
    file.write_text(yaml.safe_dump(configuration))
    return file
