"""HTTP only: parse, call a service, encode."""
