"""``files.*``: the three steps of an upload (announce, send the bytes, share), and ``files.info``."""

import json
import mimetypes
from typing import Any

from promotion_ladder.fake_slack.base import ApiError, Json
from promotion_ladder.fake_slack.methods.chat import post_message, writable
from promotion_ladder.fake_slack.state import File, State


def get_upload_url(state: State, call: Json) -> Json:
    """files.getUploadURLExternal."""
    name, length = str(call.get("filename") or ""), int(call.get("length") or 0)
    if not name or length <= 0:
        raise ApiError("invalid_arguments", ["missing required field: filename" if not name else "length must be > 0"])
    file = File(state.next_id("F"), name, length)
    state.keep_file(file)
    return {"upload_url": f"{call['_url']}/_upload/{file.id}", "file_id": file.id}


def file_object(file: File, url: str) -> Json:
    """A file as the Web API gives it."""
    link = f"{url}/files/{file.id}/{file.name}"
    return {
        "id": file.id,
        "name": file.name,
        "title": file.title or file.name,
        "mimetype": mimetypes.guess_type(file.name)[0] or "application/octet-stream",
        "size": file.length,
        "url_private": link,
        "permalink": link,
    }


def complete_upload(state: State, call: Json) -> Json:
    """files.completeUploadExternal: with a channel, a message of the app shows the files there."""
    wanted: Any = call.get("files")
    wanted = json.loads(wanted) if isinstance(wanted, str) else wanted
    if not wanted or not isinstance(wanted, list) or not all(isinstance(one, dict) for one in wanted):
        raise ApiError("invalid_arguments", ["missing required field: files"])
    channel = call.get("channel_id") or call.get("channels")
    if channel:
        writable(state, state.channel(channel))
    files = []
    for one in wanted:
        file = state.files.get(str(one.get("id")))
        if file is None or file.data is None:
            raise ApiError("file_not_found")
        file.shared, file.title = True, str(one.get("title") or "")
        state.keep_file(file)
        files.append(file_object(file, call["_url"]))
    if channel:
        _share(state, call, str(channel), files)
    return {"files": files}


def _share(state: State, call: Json, channel: str, files: list[Json]) -> None:
    said = {"channel": channel, "text": call.get("initial_comment") or " ", "thread_ts": call.get("thread_ts")}
    posted = post_message(state, said)
    message = state.message(posted["channel"], posted["ts"]) | {
        "files": files,
        "text": call.get("initial_comment") or "",
    }
    state.keep_message(posted["channel"], message)


def info(state: State, call: Json) -> Json:
    """files.info."""
    file = state.files.get(str(call.get("file")))
    if file is None or not file.shared:
        raise ApiError("file_not_found")
    return {"file": file_object(file, call["_url"])}
