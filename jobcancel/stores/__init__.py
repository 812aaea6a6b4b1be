"""Where journals are kept: in memory for tests, in an SQLite file for services."""
