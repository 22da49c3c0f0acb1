"""``ladder slack``: the gateway that hears what people click and type in Slack, and the check of its set-up."""

import sys
from typing import Annotated

import typer
from rich.text import Text

from promotion_ladder import settings
from promotion_ladder.cli.common import FAILED, Format, Output, err, out, run, write_json

app = typer.Typer()
slack = typer.Typer()
app.add_typer(slack, name="slack", rich_help_panel="Servers")


@slack.callback(invoke_without_command=True)
def listen(
    context: typer.Context,
    http: Annotated[
        str, typer.Option(help="HOST:PORT to listen on for Slack's requests, instead of Socket Mode.")
    ] = "",
    output: Output = Format.TEXT,
) -> None:
    """Listen to Slack until told to stop: by Socket Mode, or over HTTP behind a balancer.

    Tokens come from SLACK_BOT_TOKEN and SLACK_APP_TOKEN (or SLACK_SIGNING_SECRET), places from slack.yaml. As many
    gateways may run as you like; a click that reaches two is done once.
    Exit status 0 when it was told to stop, 1 when it could not begin.

    Examples:
      ladder slack

      ladder slack --http 0.0.0.0:8080

      ladder slack check
    """
    from promotion_ladder.workers.slack_gateway import run_gateway  # noqa: PLC0415 - a quarter of a second, for here alone

    if context.invoked_subcommand is not None:
        return
    place = None
    if http:
        host, _, port = http.rpartition(":")
        if not host or not port.isdecimal() or int(port) > 65535:
            raise typer.BadParameter(f"'{http}' is no HOST:PORT", param_hint="--http")
        place = (host, int(port))

    def ready(sentence: str) -> None:
        if output is Format.JSON:
            write_json({"listening": sentence})
            sys.stdout.flush()
        else:
            out.print(Text.assemble(("\u2714 ", "green"), sentence, "; Ctrl-C ends it"))

    run(output, run_gateway(settings.load(), place, ready))


@slack.command("check")
def check_set_up(output: Output = Format.TEXT) -> None:
    """Check tokens, scopes, channels and user groups, and say what to mend.

    Exit status 0 when all is well, 1 when something is to be mended.

    Example: ladder slack check
    """
    from promotion_ladder.gateway.check import Finding, check  # noqa: PLC0415 - as above
    from promotion_ladder.workers.bootstrap import slack_side  # noqa: PLC0415 - as above

    async def work() -> list[Finding]:
        found = settings.load()
        return await check(found, slack_side(found).web)

    findings = run(output, work())
    if output is Format.JSON:
        write_json([finding.model_dump(mode="json") for finding in findings])
    for finding in findings if output is Format.TEXT else ():
        mark = ("\u2714 ", "green") if finding.well else ("\u2716 ", "red")
        out.print(Text.assemble(mark, (f"{finding.about:<12} ", "bold"), finding.sentence))
        if not finding.well:
            err.print(Text(f"  \u2192 {finding.mend}"))
    if not all(finding.well for finding in findings):
        raise typer.Exit(FAILED)
