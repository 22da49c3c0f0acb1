"""Ports met by real things: one module each, and the only place where third-party clients are known."""
