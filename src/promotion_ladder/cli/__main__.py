"""``python -m promotion_ladder.cli`` is ``ladder``."""

from promotion_ladder.cli import main

main()
