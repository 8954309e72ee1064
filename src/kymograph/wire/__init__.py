"""The protocol's encodings, pure, and shared by both sides: bytes and documents on one side, core values on the other."""
