"""A few runs of the demo's job under the explorer; ``python -m tests.explored`` makes all of them."""

from __future__ import annotations

from tests.explored import explored, sample


async def test_a_cancel_at_the_first_points_leaves_nothing_behind() -> None:
    with sample() as repo:
        report = await explored(repo, budget=12)

    assert report.findings == (), str(report)
    assert report.points > 100
    assert report.covered >= 9  # a run that leaves the recorded path is repeated, and counts
    assert report.skipped >= report.points - 11
