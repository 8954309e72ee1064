"""Talks to a server over HTTP, for the command line and the SDK."""
