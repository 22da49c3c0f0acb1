"""A proxy that stands before a real Prometheus and tampers with its answers: PORT UPSTREAM FILE.

FILE holds the kind of lie, read with each request; empty passes the answer through.
"""

import json
import sys
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

SLOW = 15.0
"""Seconds; the worker's patience with one measurement is 10 s."""
OLD = 3600.0


def tampered(answer: dict[str, Any], kind: str) -> dict[str, Any]:
    """The answer of an instant or range query as a sick Prometheus would give it."""
    data = answer.get("data")
    if not isinstance(data, dict) or not isinstance(data.get("result"), list):
        return answer
    result = data["result"]
    if kind == "empty":
        result = []
    elif kind == "duplicate series":
        result = [*result, *({**series, "metric": {**series.get("metric", {}), "twin": "yes"}} for series in result)]
    elif kind in ("NaN", "stale"):
        result = [_changed(series, kind) for series in result]
    return {**answer, "data": {**data, "result": result}}


def _changed(series: dict[str, Any], kind: str) -> dict[str, Any]:
    def point(at_and_value: list[Any]) -> list[Any]:
        at, value = at_and_value
        return [at, "NaN"] if kind == "NaN" else [at - OLD, value]

    changed = dict(series)
    if "value" in series:
        changed["value"] = point(series["value"])
    if "values" in series:
        changed["values"] = [point(each) for each in series["values"]]
    return changed


def fetched(request: urllib.request.Request) -> tuple[int, bytes]:
    """What the real one answers."""
    try:
        with urllib.request.urlopen(request, timeout=10) as got:
            return int(got.status), got.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()
    except OSError:
        return 502, b"no upstream"


def handler(upstream: str, said: Path) -> type[BaseHTTPRequestHandler]:
    """What answers each request."""

    class Tamper(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._pass_on(None)

        def do_POST(self) -> None:
            self._pass_on(self.rfile.read(int(self.headers.get("Content-Length", 0))))

        def _pass_on(self, body: bytes | None) -> None:
            kind = said.read_text()
            if kind == "slow":
                time.sleep(SLOW)
            if kind == "HTML":
                self._answer(200, "text/html", b"<html><body><h1>It works!</h1></body></html>")
                return
            request = urllib.request.Request(f"{upstream}{self.path}", data=body)
            request.add_header("Content-Type", self.headers.get("Content-Type", "text/plain"))
            status, text = fetched(request)
            if kind and status == 200:
                text = json.dumps(tampered(json.loads(text), kind)).encode()
            self._answer(status, "application/json", text)

        def _answer(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that http.server gives it
            """Say nothing."""

    return Tamper


def main() -> None:
    port, upstream, said = sys.argv[1:]
    ThreadingHTTPServer(("127.0.0.1", int(port)), handler(upstream, Path(said))).serve_forever()


if __name__ == "__main__":
    main()
