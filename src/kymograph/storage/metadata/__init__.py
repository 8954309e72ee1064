"""Metadata: people, projects, runs, files and artifacts in SQL."""
