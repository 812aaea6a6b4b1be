"""Git as the demo runs it: the real program, without the user's configuration, hooks, prompts and credentials."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from subprocess import DEVNULL, CalledProcessError

from attrs import frozen

from jobcancel import JobContext
from jobcancel._cli.terminal import printable

# No hooks, and no maintenance that would run on after the command that started it.
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
    """A git command failed.

    Attributes:
        command: Git's subcommand.
        reason: Git's own error message, on one line.
    """

    def __init__(self, command: str, reason: str) -> None:
        super().__init__(command, reason)
        self.command, self.reason = command, reason

    def __str__(self) -> str:
        return f"git {self.command}: {self.reason}"


@frozen
class Git:
    """The git program and an environment that isolates it from the user's settings.

    Attributes:
        program: The path of git.
        env: Git's whole environment.
    """

    program: str
    env: Mapping[str, str]

    @classmethod
    def isolated(cls, program: str, home: Path, trusted: Iterable[str]) -> Git:
        """Return a git whose only configuration is a file in ``home``.

        Args:
            program: The path of git.
            home: An empty folder, which replaces the user's home.
            trusted: Repositories to read although another user may own them: those that this user named.
        """
        config = home / ".gitconfig"
        config.write_text(CONFIG, encoding="utf-8")
        isolation = {
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
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        git = cls(program, inherited | isolation)
        for path in trusted:
            git.call("config", "--file", str(config), "--add", "safe.directory", path)
        return git

    def dated(self, date: str) -> Git:
        """Return the same git with a fixed date for its commits."""
        return Git(self.program, {**self.env, "GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date})

    def call(self, *args: str, cwd: str | None = None) -> str:
        """Run a command outside a job's code: before the job, or in a compensation. Return its output.

        Raises:
            GitError: The command failed.
        """
        # In a session of its own: Ctrl-C reaches the demo alone, and a compensation is not interrupted.
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
            raise GitError(args[0], error_line(done.stderr))
        return readable(done.stdout)

    async def run(
        self,
        job: JobContext,
        *args: str,
        cwd: str | None = None,
        input: bytes | None = None,  # noqa: A002  # the name that JobContext.run_process gives it
        on_line: Callable[[str], object] | None = None,
    ) -> str:
        """Run a command as part of a job; a cancel of the job ends the command. Return its output.

        Raises:
            GitError: The command failed.
        """
        try:
            done = await job.run_process([self.program, *args], env=self.env, cwd=cwd, input=input, on_line=on_line)
        except CalledProcessError as error:
            raise GitError(args[0], error_line(error.stderr)) from None
        return readable(done.stdout)

    def delete_ref(self, repository: str, ref: str, commit: str) -> None:
        """Delete a ref if it exists and points to ``commit``."""
        if self.call("for-each-ref", "--format=%(objectname)", ref, cwd=repository).strip() == commit:
            self.call("update-ref", "-d", ref, commit, cwd=repository)


def readable(output: bytes) -> str:
    """Return git's output as text; file names in it may have any encoding."""
    return output.decode("utf-8", "replace")


def error_line(stderr: bytes) -> str:
    """Return the first line that names the error, without control characters: a remote may send any."""
    lines = [line for line in readable(stderr).splitlines() if line.strip()]
    serious = [line for line in lines if line.startswith(("fatal: ", "error: "))]
    return printable(without_credentials((serious or lines or ["it gave no reason"])[0]))


def without_credentials(url: str) -> str:
    """Return a URL, or a text that contains one, without the user and password in it."""
    return re.sub(r"(?<=://)[^/\s@]*@", "", url)
