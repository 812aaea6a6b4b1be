"""The demo's job under the explorer, as far as a few runs go; the whole of it is ``python -m tests.explored``."""

from __future__ import annotations

from tests.explored import explored, sample


async def test_the_demo_leaves_nothing_behind_wherever_it_is_canceled_first() -> None:
    with sample() as repo:
        report = await explored(repo, budget=12)

    assert report.findings == (), str(report)
    assert report.points > 100
    assert report.covered >= 9  # a run that leaves its path is made again, and counts
    assert report.skipped >= report.points - 11
