"""What `make bench` found, as Markdown, as one page with charts in SVG, and as a comparison of two runs. Pure."""

from collections.abc import Iterator
from html import escape
from typing import Any

Found = dict[str, Any]
COLUMNS = (
    "what", "per second", "spread", "of its floor", "CPU us", "median ms", "p99 ms", "MiB", "goal", "goal here", "kept",
)  # fmt: skip
BAR, LINE = 420, 26
STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem;color:#1b1b1b}"
    "table{border-collapse:collapse}td,th{padding:.2rem .6rem;border-bottom:1px solid #ccc;text-align:right}"
    "td:first-child,th:first-child{text-align:left}svg text{font:13px system-ui,sans-serif}"
)


def markdown(found: Found) -> str:
    """A table a part."""
    lines = [f"# Benchmarks\n\n{_about(found)}\n"]
    for part, rows in found["parts"].items():
        lines += [f"## {part}\n", f"| {' | '.join(COLUMNS)} |", "| --- |" + " ---: |" * (len(COLUMNS) - 1)]
        lines += [f"| {' | '.join(_cells(row))} |" for row in rows]
        lines.append("")
    return "\n".join(lines)


def page(found: Found) -> str:
    """The same tables, and a chart of the shares and one of the CPU time; no script, nothing from elsewhere."""
    parts = []
    for part, rows in found["parts"].items():
        head = "".join(f"<th scope=col>{escape(each)}</th>" for each in COLUMNS)
        body = "".join("<tr>" + "".join(f"<td>{escape(each)}</td>" for each in _cells(row)) + "</tr>" for row in rows)
        shares = [(row["name"], row["share"]) for row in rows if "share" in row]
        cpu = [(row["name"], row["cpu_us"]) for row in rows if row.get("cpu_us")]
        parts.append(f"<h2>{escape(part)}</h2><table><tr>{head}</tr>{body}</table>")
        parts += [_chart("Share of the floor", shares, "{:.2f}"), _chart("CPU microseconds each", cpu, "{:,.0f}")]
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>Benchmarks</title><style>{STYLE}</style>"
        f"<h1>Benchmarks</h1><p>{escape(_about(found))}</p>{''.join(parts)}</html>\n"
    )


def compared(base: Found, new: Found) -> str:
    """What a change did: share of the floor and CPU before and after, which other machines' noise moves least."""
    before = {row["name"]: row for row in _rows(base)}
    lines = [
        f"Before: {_about(base)}\n\nAfter: {_about(new)}\n",
        "| what | per second | | share of the floor | | CPU us | |\n| --- |" + " ---: |" * 6,
    ]
    for row in _rows(new):
        if row["name"] in before:
            pairs = [_pair(before[row["name"]], row, name) for name in ("rate", "share", "cpu_us")]
            lines.append(f"| {row['name']} | {' | '.join(pairs)} |")
    gone = sorted(before.keys() - {row["name"] for row in _rows(new)})
    return "\n".join([*lines, *(f"\nNot in the second run: {name}" for name in gone)])


def _rows(found: Found) -> Iterator[dict[str, Any]]:
    for rows in found["parts"].values():
        yield from rows


def _pair(before: dict[str, Any], after: dict[str, Any], name: str) -> str:
    old, new = before.get(name), after.get(name)
    if not old or new is None:
        return "|"
    form = "{:.2f}" if name == "share" else "{:,.0f}"
    return f"{form.format(old)} to {form.format(new)} | {100 * (new / old - 1):+.0f} %"


def _about(found: Found) -> str:
    about = found["about"]
    return (
        f"{about['people']:,} people, commit {about['commit']}, {about['at']}, {about['cores']} cores, load"
        f" {about['load_before']} before and {about['load_after']} after, Python {about['python']},"
        f" {about['minutes']} minutes. Compare shares and CPU time of one run; rates move with the machine."
    )


def _cells(row: dict[str, Any]) -> list[str]:
    forms = {"rate": "{:,.0f}", "share": "{:.2f}", "cpu_us": "{:,.0f}", "median_ms": "{:.1f}", "p99_ms": "{:.1f}"}
    said = {name: form.format(row[name]) if name in row else "" for name, form in forms.items()}
    spread = f"{row['lowest']:,.0f} to {row['highest']:,.0f}" if "lowest" in row else ""
    memory = f"{row['memory_mib']:.0f}" if "memory_mib" in row else ""
    share = f"{said['share']} of {row['floor']}" if said["share"] else ""
    return [
        row["name"], said["rate"], spread, share, said["cpu_us"], said["median_ms"], said["p99_ms"], memory,
        row.get("goal", ""), row.get("goal_here", ""), row.get("kept", ""),
    ]  # fmt: skip


def _chart(title: str, bars: list[tuple[str, float]], form: str) -> str:
    """Horizontal bars, each with its name and its number in words."""
    if not bars:
        return ""
    most = max(value for _, value in bars) or 1
    drawn = "".join(
        f'<text x="300" y="{at * LINE + 18}" text-anchor="end">{escape(name[:44])}</text>'
        f'<rect x="310" y="{at * LINE + 5}" width="{max(1, BAR * value / most):.0f}" height="16" fill="#2b6cb0"/>'
        f'<text x="{318 + BAR * value / most:.0f}" y="{at * LINE + 18}">{form.format(value)}</text>'
        for at, (name, value) in enumerate(bars)
    )
    height = len(bars) * LINE + 6
    return (
        f'<h3>{title}</h3><svg role="img" aria-label="{title}" width="840" height="{height}"'
        f' viewBox="0 0 840 {height}">{drawn}</svg>'
    )
