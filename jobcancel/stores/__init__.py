"""Stores for journals: in memory for tests, in an SQLite file for services."""

from .memory import MemoryStore
from .sqlite import SqliteStore

__all__ = ("MemoryStore", "SqliteStore")
