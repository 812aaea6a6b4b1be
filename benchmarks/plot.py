"""Plots of what was measured, as SVG files that are the same for the same figures.

``python -m benchmarks.plot FILE.json DIR`` draws what ``--json`` printed.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import matplotlib as mpl

mpl.use("svg")
from matplotlib import pyplot as plt

from .figures import Line, read

COLOURS = ("#2b6cb0", "#a0aec0")
WIDTH, ROW = 8.0, 0.34  # inches


def draw(lines: Sequence[Line], where: Mapping[str, str], folder: Path) -> list[Path]:
    """Draw one bar chart for each group that has ratios; return the files."""
    mpl.rcParams["svg.hashsalt"] = "jobcancel"  # else the ids in the file differ from run to run
    mpl.rcParams["svg.fonttype"] = "none"
    folder.mkdir(parents=True, exist_ok=True)
    groups = dict.fromkeys(line.group for line in lines if line.unit == "ratio" and line.runs)
    return [_bars(group, [each for each in lines if each.group == group], where, folder) for group in groups]


def _bars(group: str, lines: Sequence[Line], where: Mapping[str, str], folder: Path) -> Path:
    shown = [line for line in lines if line.unit == "ratio" and line.runs][::-1]
    figure: Any  # matplotlib's own types are partly unknown
    axes: Any
    figure, axes = plt.subplots(figsize=(WIDTH, 1.2 + ROW * len(shown)), layout="constrained")
    middle = [median(line.runs) for line in shown]
    spread = [[value - line.low for value, line in zip(middle, shown, strict=True)],
              [line.high - value for value, line in zip(middle, shown, strict=True)]]  # fmt: skip
    bars = axes.barh([line.row for line in shown], middle, xerr=spread, color=COLOURS[0], ecolor=COLOURS[1])
    axes.bar_label(bars, fmt="%.2f", padding=4)
    axes.axvline(1, color=COLOURS[1], linewidth=1)
    for place, line in enumerate(shown):
        if line.aim is not None:
            axes.plot([line.aim, line.aim], [place - 0.4, place + 0.4], color="#c05621", linewidth=2)
    axes.set_xlabel("ratio of CPU time, less is better; bar: median, whisker: all rounds, orange: aim")
    axes.set_title(f"{group}: " + ", ".join(f"{name} {value}" for name, value in where.items()), fontsize=9)
    axes.spines[["top", "right"]].set_visible(False)
    path = folder / f"{group}.svg"
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
    return path


if __name__ == "__main__":
    _where, _lines = read(Path(sys.argv[1]).read_text(encoding="utf-8"))
    print(*draw([Line(**each) for each in _lines], _where, Path(sys.argv[2])), sep="\n")
