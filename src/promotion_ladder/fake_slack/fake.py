"""``FakeSlack``: the server, and what tests ask of it."""

import copy
import functools
from collections.abc import Callable
from pathlib import Path
from typing import Literal, Self

from aiohttp import web

from promotion_ladder.fake_slack.base import ApiError, Clock, Json
from promotion_ladder.fake_slack.deliveries import Deliveries
from promotion_ladder.fake_slack.faults import Fault, Faults, Kind
from promotion_ladder.fake_slack.methods.conversations import channel_messages, thread_replies
from promotion_ladder.fake_slack.pace import Pace
from promotion_ladder.fake_slack.page_routes import add_page
from promotion_ladder.fake_slack.persons import Persons
from promotion_ladder.fake_slack.responses import respond
from promotion_ladder.fake_slack.state import File, Mentioned, State
from promotion_ladder.fake_slack.store import Store
from promotion_ladder.fake_slack.web_api import Call, WebApi
from promotion_ladder.fake_slack.workspace import Workspace

UPLOAD_LIMIT = 64 * 1024 * 1024


class FakeSlack(Persons):
    """A Slack workspace with one app, on a port of this machine; the package's docstring has the whole interface."""

    def __init__(
        self,
        workspace: Workspace | None = None,
        *,
        state: Path | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        rate_limits: bool = False,
    ) -> None:
        self.workspace = workspace or Workspace()
        self.clock = Clock()
        self.faults = Faults()
        self.store = Store(state)
        self.state = State(self.workspace, self.clock, self.store)
        self.pace = Pace(self.clock, on=rate_limits)
        self.deliveries = Deliveries(self.state, self.faults)
        self.web_api = WebApi(self.state, self.faults, self.pace, self._new_link, lambda: self.url)
        self.url = ""
        self.stopping = False  # the pages' streams look at it
        self._host, self._port = host, port
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listen; ``url`` and ``base_url`` are known then. Raises OSError if the port is taken."""
        app = web.Application(client_max_size=UPLOAD_LIMIT)
        app.router.add_route("*", "/api/{method:.+}", self.web_api.handle)
        app.router.add_get("/link", self.deliveries.link)
        answer = functools.partial(respond, self.state)
        app.router.add_post("/_response/{key}", self.web_api.fallible("response_url", answer))
        app.router.add_post("/_upload/{file}", self.web_api.fallible("upload", self._upload))
        add_page(app, self)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5, handle_signals=False)
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host, self._port).start()
        self.url = f"http://{self._host}:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        """Close every connection and the state file."""
        self.stopping = True
        self.state.changed()
        await self.deliveries.close()
        if self._runner is not None:
            await self._runner.cleanup()
        self.store.close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @property
    def base_url(self) -> str:
        """What slack_sdk's clients take as ``base_url``."""
        return f"{self.url}/api/"

    @property
    def request_url(self) -> str | None:
        """Where interactions, commands and events are posted, signed; None sends them over Socket Mode."""
        return self.deliveries.request_url

    @request_url.setter
    def request_url(self, url: str | None) -> None:
        self.deliveries.request_url = url

    def _new_link(self) -> str:
        link = self.url.replace("http://", "ws://")
        return f"{link}/link?ticket={self.deliveries.new_ticket()}&app_id={self.workspace.app_id}"

    async def _upload(self, request: web.Request) -> web.Response:
        file = self.state.files.get(request.match_info["file"])
        if file is None:
            return web.Response(status=404, text="no such upload")
        data = await _file_bytes(request)
        if len(data) != file.length:
            return web.Response(status=400, text=f"{len(data)} bytes came, {file.length} were announced")
        file.data = data
        self.state.keep_file(file)
        return web.Response(text=f"OK - {len(data)}")

    # -- what can be seen

    def messages(self, channel: str) -> list[Json]:
        """What stands in a channel, the oldest first, each with its ``channel``; replies only where broadcast."""
        key = self.state.channel(channel).id
        return [copy.deepcopy(one) | {"channel": key} for one in channel_messages(self.state, key)]

    def thread(self, channel: str, ts: str) -> list[Json]:
        """The replies below a message, the oldest first, without the message itself."""
        key = self.state.channel(channel).id
        return [copy.deepcopy(one) | {"channel": key} for one in thread_replies(self.state, key, ts)]

    def message(self, channel: str, ts: str) -> Json:
        """One message as it stands now. Raises ApiError ``message_not_found``."""
        key = self.state.channel(channel).id
        return copy.deepcopy(self.state.message(key, ts)) | {"channel": key}

    def ephemerals(self, user: str) -> list[Json]:
        """What only this person sees, the oldest first."""
        return [copy.deepcopy(one) for _, one in sorted(self.state.ephemerals.items()) if one["to"] == user]

    def views(self, user: str) -> list[Json]:
        """A person's open modals, the top one last."""
        return [copy.deepcopy(self.state.views[key]) for key in self.state.stacks.get(user, [])]

    def home(self, user: str) -> Json | None:
        """The home tab that was published for a person."""
        return copy.deepcopy(self.state.homes.get(user))

    def calls(self, method: str | None = None) -> list[Call]:
        """The Web API calls that arrived, the oldest first; of one method or of all."""
        return [call for call in self.web_api.calls if method in (None, call.method)]

    def mentions(self, channel: str | None = None) -> list[Mentioned]:
        """Whom the messages mention; ``notified`` are those whom Slack would have told."""
        key = None if channel is None else self.state.channel(channel).id
        return [one for one in self.state.mentions if key in (None, one.channel)]

    @property
    def files(self) -> dict[str, File]:
        """The uploads by id."""
        return self.state.files

    @property
    def connections(self) -> int:
        """How many Socket Mode connections the app holds."""
        return len(self.deliveries.sockets)

    async def until(self, condition: Callable[[], bool], seconds: float = 5.0) -> None:
        """Wait till ``condition`` is true, looking again after every change. Raises TimeoutError."""
        if not await self.state.until(condition, seconds):
            raise TimeoutError(f"not so within {seconds} s")

    # -- what can go wrong

    def fault(
        self, on: str, kind: Kind, *, times: int = 1, seconds: float = 0.0, error: str = "internal_error"
    ) -> Fault:
        """Let something go wrong, ``times`` times: see ``faults.Fault``."""
        return self.faults.add(on, kind, times=times, seconds=seconds, error=error)

    async def outage(self, how: Literal["503", "refuse"] = "503", seconds: float = float("inf")) -> None:
        """Slack is down: every call fails, the connections end, nobody can press anything."""
        self.faults.outage, self.faults.outage_until = how, self.clock.now() + seconds
        await self.deliveries.cut()
        self.state.changed()

    def recover(self) -> None:
        """The outage is over, and no fault waits any more."""
        self.faults.outage = "none"
        self.faults.waiting.clear()
        self.state.changed()

    async def recycle(self, reason: Literal["refresh_requested", "warning"] = "refresh_requested") -> None:
        """Slack asks its Socket Mode clients to reconnect; ``warning`` only announces it."""
        await self.deliveries.recycle(reason)

    def archive(self, channel: str, *, archived: bool = True) -> None:
        """Archive a channel, or bring it back."""
        key = self.state.channel(channel).id
        for one in self.workspace.channels:
            if one.id == key:
                one.archived = archived
        self.state.changed()

    def delete(self, channel: str, ts: str) -> None:
        """Delete a message, as an administrator of the workspace would."""
        self.state.drop_message(self.state.channel(channel).id, ts)

    def rename(self, user: str, name: str, real_name: str) -> None:
        """Give a member another name."""
        member = self.state.user(user)
        member.name, member.real_name = name, real_name
        self.state.changed()

    def set_members(self, usergroup: str, members: list[str]) -> None:
        """Change who is in a user group."""
        group = self.workspace.usergroup(usergroup)
        if group is None:
            raise ApiError("no_such_subteam")
        group.members = list(members)

    def revoke(self, token: str, error: str = "token_revoked") -> None:
        """Let a token be refused from now on: ``token_revoked``, ``account_inactive``, ``token_expired``."""
        self.web_api.revoked[token] = error


async def _file_bytes(request: web.Request) -> bytes:
    """The body, or the file in a multipart form."""
    if request.content_type != "multipart/form-data":
        return await request.read()
    form = await request.post()
    for part in form.values():
        if isinstance(part, web.FileField):
            return part.file.read()
    return b""
