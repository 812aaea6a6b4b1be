"""What a run needs before its job begins: git, a folder, a repository with commits, and the host's repository."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from attrs import frozen

from jobcancel._cli.bad_input import BadInputError

from .git import Git, GitError, without_credentials

SAMPLE: Final = {
    "README.md": "# Sample\n\nA small repository to try a cancel on.\n",
    "hello.py": 'def hello(name: str) -> str:\n    return f"Hello, {name}!"\n\n\nprint(hello("world"))\n',
    "Makefile": "run:\n\tpython hello.py\n",
}
"""The files of the sample repository, which is made when there is no other."""


@frozen
class Workspace:
    """The repositories and folders of a run.

    Attributes:
        git: The git to use.
        repo: The repository to clone; a path is absolute.
        host: The bare repository that stands for the host.
        workdir: The folder for the clone.
    """

    git: Git
    repo: str
    host: str
    workdir: str


@contextmanager
def new_workspace(repo: str | None, workdir: Path | None, journal: Path | None = None) -> Generator[Workspace]:
    """Check the input, make the workspace of a new job, and remove its temporary parts afterwards.

    Args:
        repo: A path or URL; None for the repository of the current folder, or a sample if there is none.
        workdir: An existing folder to work in; None for a temporary one, or with a journal for one beside it.
        journal: The journal of the job; the workspace is then left for the next run.

    Raises:
        BadInputError: Something is missing or cannot be used. Nothing was left behind, except the journal's folder.
    """
    program = _git_program()
    with _temporary_home(workdir) if journal is None else _journal_home(journal, workdir) as home:
        base = home if workdir is None else workdir.resolve()
        host = base / "host.git"
        source = _absolute(repo) if repo is not None else _current_repository(program, home)
        git = Git.isolated(program, home, [source, f"{source}/.git", str(host)])
        if repo is None and source == str(home / "sample"):
            _make_sample(git, source)
        _check_commits(git, source)
        _make_host(git, host)
        yield Workspace(git, source, str(host), str(base))


@contextmanager
def existing_workspace(repo: str, host: str, workdir: str, journal: Path) -> Generator[Workspace]:
    """Give the workspace of a job that an earlier run began.

    Raises:
        BadInputError: Something is missing or cannot be used.
    """
    program = _git_program()
    with _journal_home(journal, Path(workdir)) as home:
        yield Workspace(Git.isolated(program, home, [repo, f"{repo}/.git", host]), repo, host, workdir)


def _git_program() -> str:
    program = shutil.which("git")
    if program is None:
        raise BadInputError("there is no git on the PATH; install git, or put its folder on the PATH")
    return program


@contextmanager
def _journal_home(journal: Path, workdir: Path | None) -> Generator[Path]:
    """Give the folder that belongs to a journal. It is not removed: the next run may need it."""
    home = journal.absolute().with_name(f"{journal.name}-work")
    try:
        home.mkdir(exist_ok=True)
    except OSError as error:
        raise BadInputError(
            f"cannot make the folder {str(home)!r} ({error.strerror}); "
            "--db takes a file in a folder that you may write to"
        ) from None
    with _temporary_home(home if workdir is None else workdir):  # checks that the folder can be written to
        pass
    yield home.resolve()


@contextmanager
def _temporary_home(workdir: Path | None) -> Generator[Path]:
    """Make a folder for one run, and remove it afterwards."""
    parent = tempfile.gettempdir() if workdir is None else str(workdir)
    try:
        home = tempfile.mkdtemp(prefix="jobcancel-demo-", dir=parent)
    except OSError as error:
        raise BadInputError(
            f"cannot write to the folder {parent!r} ({error.strerror}); "
            "--workdir takes an existing folder that you may write to"
        ) from None
    try:
        yield Path(home).resolve()
    finally:
        shutil.rmtree(home)


def _absolute(repo: str) -> str:
    """Return an absolute path, which git cannot read as an option; a URL is unchanged."""
    return str(Path(repo).resolve()) if Path(repo).exists() else repo


def _current_repository(program: str, home: Path) -> str:
    """Return the repository of the current folder, or the path for a sample."""
    # Finding its path is safe for any owner. Reading it comes later, with this one repository trusted by name.
    finder = Git.isolated(program, home, ["*"])
    try:
        return finder.call("rev-parse", "--show-toplevel").removesuffix("\n")
    except GitError:
        return str(home / "sample")


def _make_sample(git: Git, path: str) -> None:
    if Path(path).exists():  # from an earlier run with the same journal, which may have been killed while making it
        shutil.rmtree(path)
    git.call("init", "--quiet", "--", path)
    for name, text in SAMPLE.items():
        Path(path, name).write_text(text, encoding="utf-8")
        git.call("add", "--", name, cwd=path)
        git.call("commit", "--quiet", "-m", f"Add {name}", cwd=path)


def _check_commits(git: Git, repo: str) -> None:
    name = without_credentials(repo)
    try:
        head = git.call("ls-remote", "--", repo, "HEAD")
    except GitError as error:
        raise BadInputError(
            f"cannot read a git repository at {name!r} ({error}); --repo takes a path or URL that 'git clone' takes"
        ) from None
    if not head:
        raise BadInputError(
            f"the repository {name!r} has no commit to analyze; commit something there, or name another with --repo"
        )


def _make_host(git: Git, host: Path) -> None:
    """Make the host's bare repository, unless it exists."""
    try:
        if host.exists():
            git.call("rev-parse", "--resolve-git-dir", str(host))
        else:
            git.call("init", "--quiet", "--bare", "--template=", "--", str(host))
    except GitError as error:
        raise BadInputError(
            f"cannot use {str(host)!r} as the host's repository ({error}); "
            "remove what is there, or name another folder with --workdir"
        ) from None
