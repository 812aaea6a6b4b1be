"""The analysis of a clone. It runs in a thread, reports its progress and stops when its job is canceled."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TypedDict

from jobcancel import JobContext

# The common languages, named as in GitHub's Linguist, https://github.com/github-linguist/linguist (languages.yml).
LANGUAGES = {
    "C": ".c .h",
    "C#": ".cs",
    "C++": ".cc .cpp .cxx .hh .hpp .hxx",
    "CSS": ".css",
    "Go": ".go",
    "HTML": ".htm .html",
    "Java": ".java",
    "JavaScript": ".cjs .js .jsx .mjs",
    "JSON": ".json",
    "Kotlin": ".kt .kts",
    "Lua": ".lua",
    "Makefile": ".mk makefile",
    "Markdown": ".markdown .md",
    "PHP": ".php",
    "Perl": ".pl .pm",
    "Python": ".py .pyi",
    "R": ".r",
    "Ruby": ".rb gemfile rakefile",
    "Rust": ".rs",
    "SQL": ".sql",
    "Scala": ".scala",
    "Shell": ".bash .sh .zsh",
    "Swift": ".swift",
    "TOML": ".toml",
    "Text": ".rst .txt",
    "TypeScript": ".cts .mts .ts .tsx",
    "XML": ".xml",
    "YAML": ".yaml .yml",
}
LANGUAGE_OF = {ending: language for language, endings in LANGUAGES.items() for ending in endings.split()}
OTHER = "other"
LARGEST = 10
CHUNK = 1 << 20  # bytes read between two checks for a cancel
SNIFFED = 8000  # a file with a NUL in its first bytes is binary, as for git
PROGRESS_REPORTS = 50


class Sizes(TypedDict):
    """The size of some files; a binary file has no lines."""

    files: int
    lines: int
    bytes: int


class FileSize(TypedDict):
    """A file, by its path in the repository."""

    path: str
    bytes: int


class Report(TypedDict):
    """The contents of a repository at one commit, without links and submodules."""

    repository: str
    commit: str
    total: Sizes
    languages: dict[str, Sizes]
    largest: list[FileSize]
    commits: int
    authors: dict[str, int]


def analyze(job: JobContext, repository: str, clone: str, log: str) -> Report:
    """Return the report on a clone.

    Args:
        job: The job that runs this in a thread.
        repository: The path or URL that was cloned, for the report.
        clone: The folder of the work tree.
        log: The commits, newest first: hash, tab and author's name on each line.
    """
    paths = sorted(path for folder in regular_files(job, clone) for path in folder)
    step = max(1, len(paths) // PROGRESS_REPORTS)
    languages: dict[str, Sizes] = {}
    sizes: list[FileSize] = []
    for done, path in enumerate(paths):
        name = os.fsencode(os.path.relpath(path, clone)).decode("utf-8", "replace")
        if done % step == 0:
            job.progress(done, len(paths), name)
        lines, size = count_lines_and_bytes(job, path)
        counted = languages.setdefault(language_of(path), Sizes(files=0, lines=0, bytes=0))
        counted["files"] += 1
        counted["lines"] += lines
        counted["bytes"] += size
        sizes.append({"path": name, "bytes": size})
    job.progress(len(paths), len(paths), "all files read")
    commits = [line.partition("\t") for line in log.splitlines()]
    authors = Counter(author for _, _, author in commits)
    return {
        "repository": repository,
        "commit": commits[0][0],
        "total": {
            "files": len(paths),
            "lines": sum(counted["lines"] for counted in languages.values()),
            "bytes": sum(counted["bytes"] for counted in languages.values()),
        },
        "languages": dict(sorted(languages.items(), key=lambda item: (-item[1]["bytes"], item[0]))),
        "largest": sorted(sizes, key=lambda file: (-file["bytes"], file["path"]))[:LARGEST],
        "commits": len(commits),
        "authors": dict(sorted(authors.items(), key=lambda item: (-item[1], item[0]))),
    }


def regular_files(job: JobContext, clone: str) -> Iterator[list[Path]]:
    """Yield the files of each folder, without git's own folder and without following links."""
    for folder, folders, names in os.walk(clone):
        job.check_canceled()
        if ".git" in folders:
            folders.remove(".git")
        paths = [Path(folder, name) for name in names]
        yield [path for path in paths if stat.S_ISREG(path.lstat().st_mode)]


def count_lines_and_bytes(job: JobContext, path: Path) -> tuple[int, int]:
    """Return the numbers of lines and bytes of a file."""
    lines, size, last = 0, 0, b"\n"
    binary = False
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            job.check_canceled()
            binary = binary or (size == 0 and b"\0" in chunk[:SNIFFED])
            lines, size, last = lines + chunk.count(b"\n"), size + len(chunk), chunk[-1:]
    return 0 if binary else lines + (last != b"\n"), size


def language_of(path: Path) -> str:
    """Return a file's language by its suffix or by its whole name."""
    return LANGUAGE_OF.get(path.suffix.lower()) or LANGUAGE_OF.get(path.name.lower()) or OTHER


def markdown(report: Report) -> str:
    """Return the report as Markdown."""
    total = report["total"]
    parts = [
        "# Report",
        f"Commit {report['commit']}: {total['files']} files, {total['lines']} lines, {total['bytes']} bytes; "
        f"{report['commits']} commits.",
        "## Languages",
        "\n".join(
            f"- {language}: {counted['files']} files, {counted['lines']} lines, {counted['bytes']} bytes"
            for language, counted in report["languages"].items()
        ),
        "## Largest files",
        "\n".join(f"- `{file['path']}`: {file['bytes']} bytes" for file in report["largest"]),
        "## Commits by author",
        "\n".join(f"- {author}: {count}" for author, count in report["authors"].items()),
    ]
    return "\n\n".join(parts) + "\n"
