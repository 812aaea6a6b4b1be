"""The oracle: section 5 of the design, rule by rule, over the record of one run.

Nothing here imports the package's table, its decision, or anything else of its inside.
"""

from __future__ import annotations

from .judgement import Judgement, jobs_of
from .play import Record
from .rules_children import judge_children
from .rules_endings import judge_endings
from .rules_host import judge_host
from .rules_limits import judge_limits
from .rules_stages import judge_stages
from .rules_undos import judge_undos
from .rules_verdicts import judge_verdicts


def judge(record: Record) -> Judgement:
    """Check every rule; of a run that got stuck only what does not need its end."""
    judgement, jobs = Judgement(), jobs_of(record)
    for job in jobs.values():
        judgement.meet(job.seen)
    judge_verdicts(jobs, judgement)
    judge_stages(jobs, judgement)
    judge_host(record, jobs, judgement)
    if not record.stuck:
        judge_endings(jobs, judgement)
        judge_undos(jobs, judgement)
        judge_children(jobs, judgement)
        judge_limits(record, jobs, judgement)
    return judgement
