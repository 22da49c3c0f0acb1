"""``python -m promotion_ladder.simulation``: run the simulated platform.

The first line of standard output is ``listening on http://HOST:PORT``, written when it answers.
"""

import argparse
import json
import sys
from pathlib import Path

import yaml

from promotion_ladder.core.admission import MONEY_NEEDS
from promotion_ladder.serving import contract_app
from promotion_ladder.simulation.bots import BotSpec, add_bot, default_bots
from promotion_ladder.simulation.prices import load_prices
from promotion_ladder.simulation.server import serve
from promotion_ladder.simulation.world import World


def main(arguments: list[str] | None = None) -> int:
    """Read the options and serve; the exit status."""
    options = _options(arguments)
    if options.openapi:
        sys.stdout.write(openapi_text())
        return 0
    if options.state is None:
        sys.stderr.write("--state FILE is needed: where everything is kept\n")
        return 2
    try:
        prices = load_prices(options.prices)
        specs = _specs(options.bots)
    except (OSError, ValueError, yaml.YAMLError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    options.state.parent.mkdir(parents=True, exist_ok=True)
    world = World(options.state, prices, options.seed, without=options.without)
    try:
        with world.transaction():
            if world.value("SELECT 1 FROM bots") is None:
                for spec in specs:
                    add_bot(world, spec)
        serve(world, options.host, options.port, options.tick)
    finally:
        world.close()
    return 0


def openapi_text() -> str:
    """The OpenAPI of the contract, as docs/platform-openapi.json holds it."""
    return json.dumps(contract_app().openapi(), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _specs(path: Path | None) -> tuple[BotSpec, ...]:
    if path is None:
        return default_bots()
    entries = yaml.safe_load(path.read_text(encoding="utf-8"))
    if not isinstance(entries, list):
        raise ValueError(f"{path} is not a list of bots")
    return tuple(BotSpec.model_validate(entry) for entry in entries)


def _capabilities(text: str) -> frozenset[str]:
    named = frozenset(text.split(","))
    if named - MONEY_NEEDS:
        raise argparse.ArgumentTypeError(f"of {', '.join(sorted(MONEY_NEEDS))}, not {text}")
    return named


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m promotion_ladder.simulation", description=__doc__)
    parser.add_argument("--state", type=Path, metavar="FILE", help="SQLite file; made if missing")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--tick", type=float, default=0.2, metavar="SECONDS", help="0 ticks only when asked over HTTP")
    parser.add_argument("--seed", type=int, default=7, help="used when the state file is made, then kept")
    parser.add_argument("--prices", type=Path, metavar="CSV", help="date,price rows instead of the shipped WTI series")
    parser.add_argument("--bots", type=Path, metavar="YAML", help="a list of bots instead of the default desk")
    parser.add_argument(
        "--without", type=_capabilities, default=frozenset(), metavar="lease,epoch,keys,latch",
        help="capabilities that it shall really not have, as a platform that needs 'ladder guard --listen'",
    )  # fmt: skip
    parser.add_argument("--openapi", action="store_true", help="print the OpenAPI of the contract and end")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
