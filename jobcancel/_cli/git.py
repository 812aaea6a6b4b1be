"""Git as the demo runs it: the real program, deaf to the user's configuration, hooks, prompts and credentials."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from subprocess import DEVNULL, CalledProcessError

from attrs import frozen

from jobcancel import JobContext

# No hooks, and no housekeeping that would outlive the command that started it.
CONFIG = """\
[user]
    name = jobcancel demo
    email = demo@example.invalid
[core]
    hooksPath = /dev/null
[init]
    defaultBranch = main
[gc]
    auto = 0
[maintenance]
    auto = false
"""


class GitError(Exception):
    """Git said no.

    Attributes:
        command: Git's subcommand.
        said: The first thing it said about it, on one line.
    """

    def __init__(self, command: str, said: str) -> None:
        super().__init__(command, said)
        self.command, self.said = command, said

    def __str__(self) -> str:
        return f"git {self.command}: {self.said}"


@frozen
class Git:
    """The program and the environment that keeps it to itself.

    Attributes:
        program: Its path.
        env: Its whole environment.
    """

    program: str
    env: Mapping[str, str]

    @classmethod
    def isolated(cls, program: str, home: Path, trusted: Iterable[str]) -> Git:
        """Return a git whose only configuration is a file in ``home``.

        Args:
            program: Path of git.
            home: A folder of its own, which takes the place of the user's home.
            trusted: Repositories that may belong to another user: those that this user named.
        """
        config = home / ".gitconfig"
        config.write_text(CONFIG, encoding="utf-8")
        mine = {
            "HOME": str(home),
            "XDG_CONFIG_HOME": str(home),
            "GIT_CONFIG_GLOBAL": str(config),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "SSH_ASKPASS": "",
            "GIT_SSH_COMMAND": "ssh -oBatchMode=yes",
            "GIT_ALLOW_PROTOCOL": "file:git:http:https:ssh",
            "LC_ALL": "C",
        }
        others = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        git = cls(program, others | mine)
        for path in trusted:
            git.call("config", "--file", str(config), "--add", "safe.directory", path)
        return git

    def dated(self, date: str) -> Git:
        """Return the same git, whose commits have this date."""
        return Git(self.program, {**self.env, "GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date})

    def call(self, *args: str, cwd: str | None = None) -> str:
        """Run a command where no job is there to run it: before one, and in compensations. Return what it printed.

        Raises:
            GitError: It failed.
        """
        # In a session of its own, so that Ctrl-C reaches the demo alone and an undo is not torn.
        done = subprocess.run(
            [self.program, *args],
            check=False,
            env=self.env,
            cwd=cwd,
            stdin=DEVNULL,
            capture_output=True,
            start_new_session=True,
        )
        if done.returncode:
            raise GitError(args[0], complaint(done.stderr))
        return readable(done.stdout)

    async def run(
        self,
        job: JobContext,
        *args: str,
        cwd: str | None = None,
        input: bytes | None = None,  # noqa: A002  # the name that JobContext.run_process gives it
        on_line: Callable[[str], object] | None = None,
    ) -> str:
        """Run a command as part of a job, which ends it when it is canceled. Return what it printed.

        Raises:
            GitError: It failed.
        """
        try:
            done = await job.run_process([self.program, *args], env=self.env, cwd=cwd, input=input, on_line=on_line)
        except CalledProcessError as error:
            raise GitError(args[0], complaint(error.stderr)) from None
        return readable(done.stdout)

    def delete_ref(self, repository: str, ref: str, commit: str) -> None:
        """Delete a ref if it is there and still ours: if it points to ``commit``."""
        if self.call("for-each-ref", "--format=%(objectname)", ref, cwd=repository).strip() == commit:
            self.call("update-ref", "-d", ref, commit, cwd=repository)


def readable(output: bytes) -> str:
    """Return what git printed as text; names in it may be in any encoding."""
    return output.decode("utf-8", "replace")


def complaint(stderr: bytes) -> str:
    """Return the first line that says what went wrong, fit to be printed: a remote may send anything."""
    lines = [line for line in readable(stderr).splitlines() if line.strip()]
    serious = [line for line in lines if line.startswith(("fatal: ", "error: "))]
    said = (serious or lines or ["it gave no reason"])[0]
    return "".join(char if char.isprintable() else "?" for char in without_credentials(said))


def without_credentials(url: str) -> str:
    """Return a URL, or a text with one in it, without the user and password that may stand in it."""
    return re.sub(r"(?<=://)[^/\s@]*@", "", url)
