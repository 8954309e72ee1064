"""Helpers for tests, usable by third-party back ends too."""
