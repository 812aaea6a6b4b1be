"""Starts child after child on one journal, and kills each at a random instant."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from random import Random
from typing import IO, Any, Final

from attrs import define, field

from .books import Books
from .judge import Judge
from .kinds import registry

TOP: Final = Path(__file__).resolve().parent.parent.parent
_HANGS_S: Final = 60.0
_ANSWERS: Final = 200
_MOMENT_S: Final = 0.03  # about as long as opening a journal takes, or closing it


@define
class Killer:
    """One journal and its lives.

    Attributes:
        folder: Where it lies.
        backend: What the children run on.
        seed: What all randomness follows from, the instants of the kills aside.
        forgets: Whether the children keep few settled jobs.
    """

    folder: Path
    backend: str
    seed: int
    forgets: bool
    judge: Judge = field(init=False)
    kills: int = 0
    moments: Counter[str] = field(factory=Counter[str])
    _life: int = 0

    def __attrs_post_init__(self) -> None:
        self.folder.mkdir(parents=True)
        self.judge = Judge(Books(self.folder, registry(3 if self.forgets else None), self.forgets))

    def run(self, times: int) -> None:
        """Kill that many children, then let one bring all to an end; stop at the first findings."""
        while self.kills < times and not self.judge.findings:
            random = Random(f"{self.seed}/{self._life}/kill")
            moment = random.choices(("load", "start", "close"), (7, 2, 1))[0]
            self._live(moment, random)
        if not self.judge.findings:
            self._live("rest", Random(0))
            self.judge.judge_rest()

    def _live(self, moment: str, random: Random) -> None:
        """Run one child, kill it at its moment unless it ends before, and judge."""
        options = ["--retain-count", "3"] if self.forgets else []
        if moment == "close":
            options += ["--closes-after", str(random.randrange(5, _ANSWERS))]
        options += ["--rest"] if moment == "rest" else []
        command = [sys.executable, "-m", "tests.kill.child", str(self.folder), "--backend", self.backend]
        command += ["--seed", str(self.seed), "--life", str(self._life), *options]
        with (self.folder / "stderr").open("ab") as errors:
            child = subprocess.Popen(command, cwd=TOP, stdout=subprocess.PIPE, stderr=errors)
        assert child.stdout is not None
        alarm = threading.Timer(_HANGS_S, self._hangs, (child,))
        alarm.start()
        try:
            with child.stdout:
                self._read(child, child.stdout, moment, random)
        finally:
            alarm.cancel()
            child.kill()
            code = child.wait()
        self._take_end(code, moment)
        self.judge.judge(self._life)
        self._life += 1

    def _read(self, child: subprocess.Popen[bytes], pipe: IO[bytes], moment: str, random: Random) -> None:
        last = {"start": "opening", "close": "closing"}.get(moment, "")
        answers = random.randrange(1, _ANSWERS)
        for data in pipe:
            if not data.endswith(b"\n"):
                break  # cut off by the kill: it was not acknowledged
            line: dict[str, Any] = json.loads(data)
            self.judge.books.acknowledged(line)
            if line["what"] == last:
                time.sleep(random.random() * _MOMENT_S)  # the randomness of the instant is the point
                child.kill()
            elif moment == "load" and line["what"] in {"submitted", "verdicts"}:
                answers -= 1
                if not answers:
                    child.kill()

    def _take_end(self, code: int, moment: str) -> None:
        if code == -9:
            self.kills += moment != "rest"
            self.moments[moment] += 1
        elif code != 0:
            self.judge.books.problems.append(f"life {self._life} ended with {code}; see {self.folder / 'stderr'}")
        else:
            self.moments["ended before its kill" if moment != "rest" else "rest"] += 1

    def _hangs(self, child: subprocess.Popen[bytes]) -> None:
        self.judge.books.problems.append(f"life {self._life} took longer than {_HANGS_S:g} s")
        child.kill()
