"""Artifacts: versioned folders of files and of references to files elsewhere. Nothing heavy is imported here."""
