"""A pytest plugin that plants one fault: ``JOBCANCEL_FAULT=NAME python -m pytest -p tests.faults.plant TEST``."""

from __future__ import annotations

from typing import Final

import pytest

from . import decisions, endings, host, restarts, stages
from .fault import faults_in, plant_from_environment

FAULTS: Final = faults_in(*map(vars, (decisions, stages, endings, host, restarts)))


def pytest_configure() -> None:
    try:
        plant_from_environment(FAULTS)
    except (LookupError, AttributeError, ImportError, TypeError) as error:
        raise pytest.UsageError(f"the fault cannot be planted: {error}") from error
