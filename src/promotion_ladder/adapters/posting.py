"""Posting JSON to somebody's address: one try within a deadline, signed where asked, and no secret in any error."""

import asyncio
import hashlib
import hmac
import ssl
import time
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlsplit

import httpx

DEADLINE = timedelta(seconds=10)


class NoAnswerError(Exception):
    """Why there is no answer, in words that hold no secret."""


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    text: str
    """The beginning of the body, as much as was asked for; empty where it was taken."""

    @property
    def taken(self) -> bool:
        """Whether it was taken: any 2xx. Redirects are not followed, it would go where nobody configured it to go."""
        return httpx.codes.is_success(self.status)


class Poster:
    """Posts to ``url``; ``what`` is its name in errors, for instance ``the webhook``."""

    def __init__(self, what: str, url: str, deadline: timedelta = DEADLINE) -> None:
        self._url = url
        self._deadline = deadline.total_seconds()
        self._tls: ssl.SSLContext | None = None
        self.name = f"{what} at {_origin(url)}"
        """What it is and where it lives, without the user, path and query that may be secret."""

    async def post(self, body: bytes, headers: dict[str, str], *, read: int = 0) -> Answer:
        """Post once, and read so many bytes of an answer that does not take it; raises NoAnswerError."""
        try:
            async with asyncio.timeout(self._deadline):
                return await self._post(body, {"Content-Type": "application/json"} | headers, read)
        except TimeoutError:
            raise NoAnswerError(f"{self.name} did not answer within {self._deadline:g} s") from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as problem:
            # Not chained: httpx puts the URL into its errors, and the URL of a webhook is often a secret itself.
            raise NoAnswerError(f"{self.name} could not be reached ({type(problem).__name__})") from None

    async def _post(self, body: bytes, headers: dict[str, str], read: int) -> Answer:
        # httpx.AsyncClient would log the whole URL; its transport does not. A connection for each post: they are
        # rare, and one kept open would belong to one event loop. The answer's body may be endless: the rest is unread.
        if self._tls is None:
            self._tls = await asyncio.to_thread(httpx.create_ssl_context, trust_env=False)
        timeout = {"timeout": httpx.Timeout(self._deadline).as_dict()}
        request = httpx.Request("POST", self._url, content=body, headers=headers, extensions=timeout)
        if request.url.userinfo:
            next(httpx.BasicAuth(request.url.username, request.url.password).auth_flow(request))
        async with httpx.AsyncHTTPTransport(verify=self._tls, trust_env=False) as transport:
            response = await transport.handle_async_request(request)
            start = b""
            if read and not response.is_success:
                async for chunk in response.aiter_raw():
                    start += chunk
                    if len(start) >= read:
                        break
            await response.aclose()
            return Answer(response.status_code, start[:read].decode("utf-8", "replace"))


def signed(secret: bytes, key: str, body: bytes) -> dict[str, str]:
    """The headers by which a receiver knows ``body`` as ours and fresh, and ``key`` as one that it has acted on."""
    stamp = str(int(time.time()))
    said = hmac.new(secret, stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return {"Idempotency-Key": key, "X-Ladder-Timestamp": stamp, "X-Ladder-Signature": f"v1={said}"}


def _origin(url: str) -> str:
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "a URL that cannot be read"
    return f"{parts.scheme}://{parts.hostname or '?'}{port}"
