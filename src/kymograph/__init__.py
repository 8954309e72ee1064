"""The open experiment tracker and artifact store."""

__version__ = "0.1.0"
