"""What the workflow asks of the world: idempotent, read back, and speaking through ports."""
