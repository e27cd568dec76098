"""Tests of the warehouse, on SQLite and on a real PostgreSQL."""
