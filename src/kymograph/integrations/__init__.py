"""Callbacks and charts for other packages. Each is imported only when asked for, and uses the public face alone."""
