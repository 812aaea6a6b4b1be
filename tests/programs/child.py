"""The process of one program: run it, judge it, say so, and end at once."""

from __future__ import annotations

import asyncio
import faulthandler
import json
import os
import signal
import sys
import traceback
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Final, NoReturn, TextIO

from .oracle import judge
from .plan import Program
from .play import Record, play

STACKS: Final = "stacks"  # the file in which a program that hangs says where


def be_child(program: Program, folder: Path, writing: int) -> NoReturn:
    """Run, judge, say so and end at once: threads and loops of a program that failed are not waited for."""
    os.setpgid(0, 0)
    with (folder / STACKS).open("w") as stacks, Path(os.devnull).open("w") as nothing:
        faulthandler.register(signal.SIGUSR2, stacks)

        signal.signal(signal.SIGINT, signal.default_int_handler)  # it may be ignored, as in a shell's background

        def write_tasks(number: int, frame: FrameType | None) -> None:
            _write_tasks(stacks)

        signal.signal(signal.SIGUSR1, write_tasks)
        os.dup2(nothing.fileno(), sys.stderr.fileno())

        def give_up(record: Record) -> NoReturn:
            faulthandler.dump_traceback(stacks)
            _answer(record, writing)

        try:
            record = play(program, folder, give_up)
        except BaseException as error:
            findings = [("18", f"the run itself broke: {type(error).__name__}")]
            _write(writing, {"findings": findings, "counts": {}, "trace": traceback.format_exc()})
            os._exit(1)
        _answer(record, writing)


def _write_tasks(stacks: TextIO) -> None:
    """Say where each task of asyncio's waits."""
    with suppress(RuntimeError):  # no loop runs, or trio's
        for task in asyncio.all_tasks():
            stacks.write(f"task {task.get_name()}\n")
            task.print_stack(file=stacks)
    stacks.flush()


def _answer(record: Record, writing: int) -> NoReturn:
    try:
        judgement = judge(record)
        findings = [(each.rule, each.text) for each in judgement.findings]
        counts = dict(record.world.trace.seen + judgement.checked + judgement.met)
        trace = "\n".join(map(str, record.world.trace.events)) if findings else ""
    except BaseException:
        findings, counts, trace = [("0", f"the oracle broke: {traceback.format_exc()}")], {}, ""
    _write(writing, {"findings": findings, "counts": counts, "trace": trace})
    os._exit(0)


def _write(writing: int, reply: object) -> None:
    with os.fdopen(writing, "wb") as file:
        file.write(json.dumps(reply).encode())
