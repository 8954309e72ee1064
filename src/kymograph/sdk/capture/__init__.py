"""What a run records by itself: console, system metrics, environment, code, files that change."""
