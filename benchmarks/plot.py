"""A plot of what was measured, as an SVG file that is the same for the same figures.

``python -m benchmarks.plot FILE.json ... PLOT.svg`` draws what ``--json`` printed.
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

COLOURS = ("#2b6cb0", "#a0aec0", "#c05621")
WIDTH, ROW = 8.0, 0.34  # inches


def draw(lines: Sequence[Line], where: Mapping[str, str], path: Path) -> None:
    """Draw every ratio as a bar with the spread of its rounds."""
    mpl.rcParams["svg.hashsalt"] = "jobcancel"  # else the ids in the file differ from run to run
    mpl.rcParams["svg.fonttype"] = "none"
    shown = [line for line in lines if line.unit == "ratio" and line.runs][::-1]
    figure: Any  # matplotlib's own types are partly unknown
    axes: Any
    figure, axes = plt.subplots(figsize=(WIDTH, 1.2 + ROW * len(shown)), layout="constrained")
    middle = [median(line.runs) for line in shown]
    below = [value - line.low for value, line in zip(middle, shown, strict=True)]
    above = [line.high - value for value, line in zip(middle, shown, strict=True)]
    axes.barh([line.row for line in shown], middle, xerr=[below, above], color=COLOURS[0], ecolor=COLOURS[1])
    axes.set_xscale("log")
    axes.axvline(1, color=COLOURS[1], linewidth=1)
    for place, line in enumerate(shown):
        axes.annotate(f"{middle[place]:.2f}", (middle[place], place), (4, 4), textcoords="offset points", fontsize=8)
        if line.aim is not None:
            axes.plot([line.aim, line.aim], [place - 0.4, place + 0.4], color=COLOURS[2], linewidth=2)
    figure.supxlabel("ratio of CPU time, less is better; bar: median, whisker: all rounds, orange: aim", fontsize=9)
    figure.suptitle(", ".join(f"{name} {value}" for name, value in where.items()), fontsize=9)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


if __name__ == "__main__":
    _read = [read(Path(each).read_text(encoding="utf-8")) for each in sys.argv[1:-1]]
    draw([Line(**each) for _, lines in _read for each in lines], _read[0][0], Path(sys.argv[-1]))
