"""Promotion ladder."""

__version__ = "0.1.0"
