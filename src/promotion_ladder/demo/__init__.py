"""The demo: three stories on a local stack, told live."""
