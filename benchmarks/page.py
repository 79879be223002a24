"""Writes docs/performance.md and its plots from build/bench.json: `python -m benchmarks.page`."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import altair as alt

_ROOT = Path(__file__).parent.parent


def main() -> None:
    measured = json.loads((_ROOT / "build/bench.json").read_text())
    page = _ROOT / "docs" / "performance.md"
    sections = [_introduction(measured)]
    for name, benchmark in measured["benchmarks"].items():
        if len({row["size"] for row in benchmark["measured"]}) > 1:
            (page.parent / f"performance-{name}.svg").write_text(plot(benchmark))
        sections.append(_section(name, benchmark))
    page.write_text("\n\n".join(sections) + "\n")


def _introduction(measured: dict[str, Any]) -> str:
    libraries = ", ".join(f"{name} {version}" for name, version in measured["libraries"].items())
    return (
        "# Performance\n\n"
        "What `make bench` measured (`python -m benchmarks.page` then writes this page), each way in a process of its\n"
        "own: CPU seconds of all threads (median of the rounds) and the rise of resident memory. Ratios hold on other\n"
        "machines, seconds do not; on a shared machine they move with its other work: between runs of 30 November\n"
        "pandas took 67 to 89 times what features take, the original's loop 50 to 61 times.\n"
        "The ways of one benchmark agree on a number computed from their results.\n\n"
        "Features are of a reading a minute; *features with gaps* have lost one reading in ten at random. Both go\n"
        "through one numpy kernel, `mlops_core/features/kernel.py`. The bound against the original's loop was\n"
        "70 and is 60: the difference was given up for half the code.\n\n"
        f"Python {measured['python']} on {measured['machine']}; {libraries}."
    )


def _section(name: str, benchmark: dict[str, Any]) -> str:
    sizes = sorted({row["size"] for row in benchmark["measured"]})
    cells = {(row["way"], row["size"]): row for row in benchmark["measured"]}
    ways = list(dict.fromkeys(row["way"] for row in benchmark["measured"]))
    lines = [f"## {name.replace('-', ' ').capitalize()}"]
    if len(sizes) > 1:
        lines += ["", f"![CPU seconds against size]({f'performance-{name}.svg'})"]
    titles = [title for size in sizes for title in (f"{size:,}: s", "times ours", "MB")]
    lines += ["", f"| way | {' | '.join(titles)} |", "| --- |" + " ---: |" * len(titles)]
    for way in ways:
        values = [_cell(cells.get((way, size))) for size in sizes]
        lines.append(f"| {way} | {' | '.join(values)} |")
    if benchmark["reach"]:
        lines += ["", "| what it has to reach | size | bound | measured | |", "| --- | ---: | ---: | ---: | --- |"]
    for target in benchmark["reach"]:
        met = ("met" if target["met"] else "missed") if bound(target) else "no bound"
        lines.append(f"| {target['what']} | {target['size']:,} | {bound(target)} | {target['value']:g} | {met} |")
    return "\n".join(lines)


def bound(target: dict[str, Any]) -> str:
    """What a target asks for, in signs; empty where it is only reported."""
    signs = {"at_least": "≥", "at_most": "≤"}
    return ", ".join(f"{sign} {target[name]:g}" for name, sign in signs.items() if name in target)


def _cell(row: dict[str, Any] | None) -> str:
    if row is None:
        return "- | - | -"
    return f"{row['cpu_seconds']:.3g} | {row['ratio_to_ours']:.3g} | {row['memory_rise_mb']:.0f}"


def plot(benchmark: dict[str, Any]) -> str:
    """CPU seconds against size, both logarithmic, a line for each way, as SVG."""
    rows = [row for row in benchmark["measured"] if row["cpu_seconds"] > 0]
    sizes = sorted({row["size"] for row in rows})
    cost_at_the_end = {
        row["way"]: row["cpu_seconds"] / row["size"] for row in sorted(rows, key=lambda row: row["size"])
    }
    ways = sorted(cost_at_the_end, key=lambda way: -cost_at_the_end[way])
    is_ours = alt.datum["way"] == benchmark["ours"]
    lines = (
        alt.Chart(alt.Data(values=rows), width=520, height=330, background="white")
        .mark_line(point=True)
        .encode(
            x=alt.X(
                "size:Q", title=None, scale=alt.Scale(type="log", nice=False), axis=alt.Axis(values=sizes, format=",")
            ),
            y=alt.Y("cpu_seconds:Q", title="CPU seconds", scale=alt.Scale(type="log"), axis=alt.Axis(format="~g")),
            color=alt.Color(
                "way:N",
                sort=ways,
                scale=alt.Scale(scheme="tableau10"),
                legend=alt.Legend(title=None, labelLimit=320, symbolType="stroke"),
            ),
            strokeWidth=alt.condition(is_ours, alt.value(4), alt.value(1.5)),
        )
    )
    svg = StringIO()
    lines.save(svg, format="svg")
    return svg.getvalue()


if __name__ == "__main__":
    main()
