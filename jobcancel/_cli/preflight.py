"""What must be there before the job begins: git, a folder, a repository with commits, the host. Else one clear line."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import typer
from attrs import frozen

from jobcancel.errors import StoreError

from .git import Git, GitError, without_credentials

# The repository that is made when there is none to take.
SAMPLE = {
    "README.md": "# Sample\n\nA small repository to try a cancel on.\n",
    "hello.py": 'def hello(name: str) -> str:\n    return f"Hello, {name}!"\n\n\nprint(hello("world"))\n',
    "Makefile": "run:\n\tpython hello.py\n",
}


class BadInputError(Exception):
    """The command cannot do what it was told to; the message says why, and what it takes."""


@contextmanager
def input_checked(command: str) -> Generator[None]:
    """End with one line and exit code 2 if the input of ``jobcancel COMMAND`` was wrong."""
    try:
        yield
    except (BadInputError, StoreError) as error:
        typer.echo(f"jobcancel {command}: {error}", err=True)
        raise typer.Exit(2) from None


@frozen
class Place:
    """Where a run takes place.

    Attributes:
        git: The git to use.
        repo: The repository to clone; a path is absolute.
        host: The bare repository that stands in for the host.
        workdir: The folder for the clone.
    """

    git: Git
    repo: str
    host: str
    workdir: str


@contextmanager
def prepared(repo: str | None, workdir: Path | None, journal: Path | None = None) -> Generator[Place]:
    """Check and prepare all that a run needs, and clear away afterwards what only the run needed.

    Args:
        repo: A path or URL; None for the repository around the current folder, or else a small one that is made.
        workdir: A folder to work in; None for a temporary one, or with a journal one beside it.
        journal: Where the job is kept, so that another run can go on with it; all that it needs is kept too.

    Raises:
        BadInputError: Something is missing or cannot be used. Nothing was left behind, the journal's folder aside.
    """
    program = _program()
    with _home(workdir) if journal is None else _lasting_home(journal, workdir) as home:
        base = home if workdir is None else workdir.resolve()
        host = base / "host.git"
        source = _absolute(repo) if repo is not None else _around(program, home)
        git = Git.isolated(program, home, [source, f"{source}/.git", str(host)])
        if repo is None and source == str(home / "sample"):
            _make_sample(git, source)
        _check_commits(git, source)
        _make_host(git, host)
        yield Place(git, source, str(host), str(base))


@contextmanager
def prepared_again(repo: str, host: str, workdir: str, journal: Path) -> Generator[Place]:
    """Prepare what another attempt of a job needs that an earlier run began.

    Raises:
        BadInputError: Something is missing or cannot be used.
    """
    program = _program()
    with _lasting_home(journal, Path(workdir)) as home:
        yield Place(Git.isolated(program, home, [repo, f"{repo}/.git", host]), repo, host, workdir)


def _program() -> str:
    program = shutil.which("git")
    if program is None:
        raise BadInputError("there is no git on the PATH; install git, or put its folder on the PATH")
    return program


@contextmanager
def _lasting_home(journal: Path, workdir: Path | None) -> Generator[Path]:
    """Give the folder that belongs to a journal; a killed run's place is there for the next one, so that it stays."""
    home = journal.absolute().with_name(f"{journal.name}-work")
    try:
        home.mkdir(exist_ok=True)
    except OSError as error:
        raise BadInputError(
            f"cannot make the folder {str(home)!r} ({error.strerror}); "
            "--db takes a file in a folder that you may write to"
        ) from None
    with _home(home if workdir is None else workdir):  # that it can be written to
        pass
    yield home.resolve()


@contextmanager
def _home(workdir: Path | None) -> Generator[Path]:
    """Make a folder for the run alone, and remove it afterwards."""
    where = tempfile.gettempdir() if workdir is None else str(workdir)
    try:
        home = tempfile.mkdtemp(prefix="jobcancel-demo-", dir=where)
    except OSError as error:
        raise BadInputError(
            f"cannot write to the folder {where!r} ({error.strerror}); "
            "--workdir takes an existing folder that you may write to"
        ) from None
    try:
        yield Path(home).resolve()
    finally:
        shutil.rmtree(home)


def _absolute(repo: str) -> str:
    """Return a path made absolute, so that it works from any folder and is never read as an option; a URL as it is."""
    return str(Path(repo).resolve()) if Path(repo).exists() else repo


def _around(program: str, home: Path) -> str:
    """Return the repository that the current folder is in, or where to make one."""
    # Looking is harmless whoever owns it; reading comes later, with this one trusted by name.
    looking = Git.isolated(program, home, ["*"])
    try:
        return looking.call("rev-parse", "--show-toplevel").removesuffix("\n")
    except GitError:
        return str(home / "sample")


def _make_sample(git: Git, path: str) -> None:
    if Path(path).exists():  # of an earlier run with the same journal, perhaps killed while it made it
        shutil.rmtree(path)
    git.call("init", "--quiet", "--", path)
    for name, text in SAMPLE.items():
        Path(path, name).write_text(text, encoding="utf-8")
        git.call("add", "--", name, cwd=path)
        git.call("commit", "--quiet", "-m", f"Add {name}", cwd=path)


def _check_commits(git: Git, repo: str) -> None:
    shown = without_credentials(repo)
    try:
        head = git.call("ls-remote", "--", repo, "HEAD")
    except GitError as error:
        raise BadInputError(
            f"cannot read a git repository at {shown!r} ({error}); --repo takes a path or URL that 'git clone' takes"
        ) from None
    if not head:
        raise BadInputError(
            f"the repository {shown!r} has no commit to analyze; commit something there, or name another with --repo"
        )


def _make_host(git: Git, host: Path) -> None:
    """Make the host's bare repository, unless an earlier run did."""
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
