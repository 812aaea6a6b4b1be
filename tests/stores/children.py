"""Child processes for these tests: they print their progress, wait for a line on stdin, and may be killed at a step."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from jobcancel.abc import Entry
from jobcancel.stores.sqlite import SqliteStore

# This process is killed before the n-th operation of the journal on its files.
KILLED_AT = """
import os, signal, sqlite3, sys
left = int(sys.argv[2])
def step():
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)
class Connection(sqlite3.Connection):
    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.set_progress_handler(step, 50)
    def execute(self, *args):
        step()
        return super().execute(*args)
    def close(self):
        step()
        super().close()
connect = sqlite3.connect
sqlite3.connect = lambda *args, **options: connect(*args, factory=Connection, **options)
sys.addaudithook(lambda event, _: step() if event in ("os.rename", "os.remove") else None)
"""

OWNER = """
import sys
from jobcancel.abc import Entry
from jobcancel.stores.sqlite import SqliteStore
store = SqliteStore(sys.argv[1])
store.open()
store.append([Entry("a", {"n": 1}), Entry("b", {"n": 1})])
print("open", flush=True)
sys.stdin.readline()
store.close()
"""


def environment() -> dict[str, str]:
    """Return this process's environment without coverage: a killed process would leave a broken data file."""
    return {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}


def run(code: str, *args: object) -> int:
    """Run code with arguments to its end; return how it ended (negative: the signal that killed it)."""
    return subprocess.run([sys.executable, "-c", code, *map(str, args)], check=False, env=environment()).returncode


def printed(code: str, *args: object) -> list[str]:
    """Run code with arguments to its end, which must be a good one; return the lines that it printed."""
    command = [sys.executable, "-u", "-c", code, *map(str, args)]  # some end without a flush
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment())
    return done.stdout.splitlines()


@contextmanager
def running(code: str, *args: object) -> Generator[tuple[subprocess.Popen[str], str]]:
    """Start code with arguments and wait for its first line; at the end it is killed."""
    command = [sys.executable, "-u", "-c", code, *map(str, args)]  # some end without a flush
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment()) as child:
        assert child.stdout is not None
        try:
            yield child, child.stdout.readline().strip()
        finally:
            child.kill()


def connection_of(store: SqliteStore) -> sqlite3.Connection:
    """Return the connection of an open store, to look at it or to set it limits."""
    connection = store._connection  # pyright: ignore[reportPrivateUsage]
    assert connection is not None
    return connection


def bodies(path: Path) -> list[tuple[str, object]]:
    """Open the journal, return what is in it, and close it."""
    store = SqliteStore(path)
    store.open()
    try:
        return [(entry.job_id, entry.body) for entry in store.read()]
    finally:
        store.close()


def journal(path: Path, *entries: Entry) -> Path:
    """Make a journal with these entries, closed."""
    store = SqliteStore(path)
    store.open()
    store.append(entries)
    store.close()
    return path
