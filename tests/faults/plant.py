"""A pytest plugin that plants one fault: ``python -m pytest -p tests.faults.plant --fault NAME TEST``."""

from __future__ import annotations

from typing import Final

import pytest

from . import decisions, endings, host, restarts, stages
from .fault import Fault

FAULTS: Final = {
    each.name: each
    for module in (decisions, stages, endings, host, restarts)
    for each in vars(module).values()
    if isinstance(each, Fault)
}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--fault", choices=[*FAULTS], help="plant this fault")


def pytest_configure(config: pytest.Config) -> None:
    name = config.getoption("--fault")
    if name is not None:
        try:
            FAULTS[name].plant()
        except (LookupError, AttributeError, ImportError) as error:
            raise pytest.UsageError(f"fault {name}: {error}") from error
