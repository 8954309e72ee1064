"""The protocol's encodings, pure and shared by both sides: bytes and documents here, core values there."""
