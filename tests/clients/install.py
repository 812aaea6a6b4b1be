"""Install the vendors' public clients, each in a virtual environment of its own: their requirements exclude each other.

``python -m tests.clients.install FOLDER``, then run the tests with the environment variable JOBCANCEL_CLIENTS set to
the folder.
"""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

# These versions are what the tests know the output of.
CLIENTS = {
    "tensorpool": "tensorpool==0.0.9",
    "sutro": "sutro==0.1.67",
    "sutro_older": "sutro==0.1.43",  # its base URL has no /v1
}


def install(folder: Path) -> None:
    for name, requirement in CLIENTS.items():
        place = folder / name
        venv.create(place, with_pip=True)
        subprocess.run([place / "bin" / "python", "-m", "pip", "install", "--quiet", requirement], check=True)


if __name__ == "__main__":
    install(Path(sys.argv[1]))
