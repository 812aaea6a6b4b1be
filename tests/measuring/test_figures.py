"""Figures of the benchmarks: the worst run is judged, and a missing figure has a reason."""

from __future__ import annotations

import pytest
from attrs import asdict

from benchmarks.__main__ import GROUPS, PLAIN, main
from benchmarks.figures import Figure, Line, as_json, as_text, merged, read


def line(*runs: tuple[float, ...], must: float | None = 2.0, aim: float | None = 1.0, quick: bool = False) -> Line:
    figures = [[Figure("row", "ratio", run, must, aim, "a note")] for run in runs]
    (one,) = merged("group", figures, quick=quick)
    return one


@pytest.mark.parametrize(
    ("runs", "verdict"),
    [
        ([(0.5, 1.0, 9.0)], "aim met"),
        ([(0.9,), (1.1,)], "must met"),
        ([(0.1,), (0.1,), (2.1,)], "MISSED"),
        ([()], "not measured"),
    ],
)
def test_the_worst_run_is_judged_by_the_median_of_its_rounds(runs: list[tuple[float, ...]], verdict: str) -> None:
    assert line(*runs).verdict == verdict


def test_a_row_without_a_limit_and_a_smoke_run_have_no_verdict() -> None:
    assert line((9.0,), must=None, aim=None).verdict == ""
    assert line((9.0,), must=None, aim=9.0).verdict == "aim met"
    assert line((9.0,), must=None, aim=8.0).verdict == "MISSED"
    assert line((9.0,), quick=True).verdict == "smoke run"


def test_a_line_has_every_run_and_the_spread_of_all_rounds() -> None:
    one = line((3.0, 1.0, 2.0), (5.0, 4.0, 9.0))
    assert (one.runs, one.low, one.high) == ((2.0, 5.0), 1.0, 9.0)


def test_the_table_shows_figures_and_why_they_are_missing() -> None:
    text = list(as_text([line((1.0, 3.0), (9.0, 9.0)), line(())], {"python": "3.11"}))
    assert text[0] == "python 3.11"
    row, missing = text[-2:]
    assert row.split() == ["row", "ratio", "5.5", "9", "(1", "to", "9)", "2", "1", "MISSED", "a", "note"]
    assert missing.split() == ["row", "ratio", "-", "a", "note"]


def test_the_json_of_figures_can_be_read_again() -> None:
    one = line((1.0, 2.0))
    where, lines = read(as_json([one], {"python": "3.11"}))
    assert where == {"python": "3.11"}
    assert lines == [{**asdict(one), "runs": [*one.runs]}]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["flor"], "no such group: flor; there are " + ", ".join(GROUPS)),
        (["--plot", "x", "floor"], "not installed: matplotlib"),
    ],
)
def test_a_group_that_cannot_be_measured_is_reported_in_one_line(
    arguments: list[str], problem: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def find_nothing(_name: str) -> None: ...

    monkeypatch.setattr("benchmarks.__main__.find_spec", find_nothing)
    monkeypatch.setattr("sys.argv", ["benchmarks", *arguments])
    assert main() == 2
    assert capsys.readouterr().err.startswith(problem)


def test_the_default_groups_need_only_the_package() -> None:
    assert all(GROUPS[group][1] == () for group in PLAIN)
