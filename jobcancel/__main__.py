"""``python -m jobcancel``: the same as the ``jobcancel`` command."""

from __future__ import annotations

from jobcancel._cli import main

if __name__ == "__main__":
    main()
