"""The tokens of design.css keep the contrast its head claims; sides are start and end, not left and right."""

import re
from pathlib import Path

import pytest
from django.conf import settings

STATIC = Path(settings.BASE_DIR) / "static"
CSS = (STATIC / "design.css").read_text("utf-8")
SURFACES = ("paper", "surface", "surface-2")
PAIRS = [
    *((text, under) for text in ("ink", "ink-2", "accent", "accent-strong", "bad") for under in SURFACES[:2]),
    *((text, "surface-2") for text in ("ink", "ink-2", "accent", "accent-strong")),
    ("accent-ink", "accent"),
    ("accent-ink", "accent-strong"),
    ("accent-strong", "accent-soft"),
    *((tone, f"{tone}-soft") for tone in ("good", "wait", "warn", "bad")),
    *((text, f"{tone}-soft") for text in ("ink",) for tone in ("accent", "good", "wait", "warn", "bad")),
]
"""Text on what it stands on; small text needs 4.5:1 (WCAG 1.4.3)."""
EDGES = [(edge, under) for edge in ("line-strong", "focus") for under in SURFACES]
"""What shows where a control is, and which one has the focus, needs 3:1 (WCAG 1.4.11)."""


def tokens(dark: bool) -> dict[str, str]:
    light_part, dark_part = CSS.split("@media (prefers-color-scheme: dark)")[:2]
    found = dict(re.findall(r"--([a-z0-9-]+): (#[0-9a-f]{6});", light_part))
    return found | dict(re.findall(r"--([a-z0-9-]+): (#[0-9a-f]{6});", dark_part.split("\n}\n")[0])) if dark else found


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def test_the_measure_is_that_of_the_guidelines() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)
    assert tokens(dark=True)["ink"] != tokens(dark=False)["ink"]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_text_can_be_read(dark: bool) -> None:
    colours = tokens(dark)
    low = {pair: round(contrast(colours[pair[0]], colours[pair[1]]), 2) for pair in PAIRS}
    assert {pair: ratio for pair, ratio in low.items() if ratio < 4.5} == {}


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_controls_can_be_seen(dark: bool) -> None:
    colours = tokens(dark)
    low = {pair: round(contrast(colours[pair[0]], colours[pair[1]]), 2) for pair in EDGES}
    assert {pair: ratio for pair, ratio in low.items() if ratio < 3} == {}


def test_nothing_is_left_or_right() -> None:
    css = "\n".join(file.read_text("utf-8") for file in sorted(STATIC.glob("*.css")))
    rules = re.sub(r"/\*.*?\*/", "", css, flags=re.DOTALL)
    assert re.findall(r"(?:^|[\s-])(?:left|right)\s*[:;]", rules) == []
    four = re.findall(r"(?:padding|margin): [^;()]*?([^\s;]+) ([^\s;]+) ([^\s;]+) ([^\s;]+);", rules)
    assert [sides for sides in four if sides[1] != sides[3]] == []


def test_nothing_comes_from_elsewhere() -> None:
    assert re.findall(r"@import|url\((?!\"icons/)[^)]*", CSS) == []
