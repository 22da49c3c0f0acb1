"""``ladder guard --listen``: the guard beside the bot, in front of its platform.

One process serves the platform contract, supplies what the platform lacks of it, and guards its bot through what it
serves. It knows no Temporal.
"""

import argparse
import asyncio
import sys
from contextlib import closing
from functools import partial
from socket import socket

from promotion_ladder import settings as environment
from promotion_ladder.adapters.platform_http import HttpPlatform
from promotion_ladder.beside import DONE, NOT_FLAT, Line, Options, Scribe, begin, carry, platform_url, read, until_told
from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError
from promotion_ladder.serving import Server, contract_app, listen
from promotion_ladder.settings import Settings
from promotion_ladder.supplying import Keeper, Ledger, Supplied

FILE = "supplied.sqlite"
"""Name of the file in the state directory: one guard supplies all bots of a platform, whichever it watches itself."""
PATIENCE = 4.0
"""Seconds that the platform has to answer: less than who asks here waits, so that what it answered arrives."""


async def run(settings: Settings, options: Options, address: tuple[str, int]) -> int:
    """Serve and guard until told to stop; the exit status. Raises LadderError when it cannot begin."""
    url = platform_url(settings)
    with closing(Ledger(settings.state_dir / FILE)) as ledger, closing(_listen(address)) as listening:
        inner = HttpPlatform(url, total_seconds=PATIENCE)
        scribe = Scribe(settings, options.bot, as_json=options.as_json)
        keeper = Keeper(inner, ledger, partial(_say, scribe))
        app = contract_app()
        app.state.platform = Supplied(keeper)
        told = f"stands in front of {url}; what it supplies is kept in {ledger.path}"
        server = Server(app, lambda where: scribe.say(Line("listening", f"{where} {told}")))
        beside = await begin(settings, options, app.state.platform, scribe)
        stop = until_told()
        async with asyncio.TaskGroup() as group:
            group.create_task(server.serve(sockets=[listening]))
            group.create_task(keeper.run(stop))
            await beside.watch(options.every, stop)
            server.end()
        unwatched = keeper.unwatched()
        if unwatched:
            scribe.say(Line("unwatched", f"until it is started again nobody takes back: {', '.join(unwatched)}"))
        await scribe.close()
        await inner.close()
    return NOT_FLAT if beside.exposed else DONE


def _say(scribe: Scribe, _: str, kind: str, sentence: str, code: Code | None) -> None:
    scribe.say(Line(kind, sentence, code))


def _listen(address: tuple[str, int]) -> socket:
    try:
        return listen(*address)
    except OSError as error:
        where = f"{address[0]}:{address[1]}"
        raise LadderError(Code.GUARD_RUNS, f"cannot listen on {where}: {error.strerror or error}") from None


def _address(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdecimal() or int(port) > 65535:
        raise argparse.ArgumentTypeError(f"{text} is no HOST:PORT, as 127.0.0.1:8760")
    return host.strip("[]"), int(port)


def main(arguments: list[str] | None = None) -> int:
    """``python -m promotion_ladder.front BOT --listen HOST:PORT``; the exit status."""
    parser = argparse.ArgumentParser(prog="ladder guard")
    parser.add_argument("--listen", type=_address, required=True)
    options, found = read(parser, arguments)
    return carry(run(environment.load(), options, found.listen))


if __name__ == "__main__":
    sys.exit(main())
