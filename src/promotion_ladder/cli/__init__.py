"""The command line."""
import asyncio, sys
def main() -> None:
    from promotion_ladder.settings import load
    from promotion_ladder.workers.main import run_worker
    if sys.argv[1]=="worker": asyncio.run(run_worker(load()))
