"""The rules of a whole message: how long, how many blocks and attachments, which metadata."""

import json
from collections.abc import Collection
from typing import Any

from promotion_ladder.fake_slack.base import ApiError, Json
from promotion_ladder.fake_slack.rules.blocks import block_problems, characters

TEXT_LIMIT = 40_000
UPDATED_TEXT_LIMIT = 4_000  # chat.update takes less than chat.postMessage
BLOCKS_CHARACTERS = 13_000  # not documented: found by others (bolt-js 2509)
MOST_ATTACHMENTS = 100
METADATA_BYTES = 16 * 1024


def check_message(message: Json, files: Collection[str] = (), text_limit: int = TEXT_LIMIT) -> None:
    """Raise the ApiError that Slack would answer to a message of these ``text``, ``blocks``, ``attachments``."""
    text, blocks, attachments = (message.get(name) for name in ("text", "blocks", "attachments"))
    if not text and not blocks and not attachments:
        raise ApiError("no_text")
    if isinstance(text, str) and len(text) > text_limit:
        raise ApiError("msg_too_long")
    if blocks:
        if problems := block_problems(blocks, "message", files):
            raise ApiError("invalid_blocks", problems)
        if characters(blocks) > BLOCKS_CHARACTERS:
            raise ApiError("msg_blocks_too_long")
    if attachments:
        _check_attachments(attachments, files)
    if "metadata" in message:
        _check_metadata(message["metadata"])


def _check_attachments(attachments: Any, files: Collection[str]) -> None:
    if not isinstance(attachments, list):
        raise ApiError("invalid_attachments")
    if len(attachments) > MOST_ATTACHMENTS:
        raise ApiError("too_many_attachments")
    for n, attachment in enumerate(attachments):
        if not isinstance(attachment, dict):
            raise ApiError("invalid_attachments")
        path = f"/attachments/{n}/blocks"
        if problems := block_problems(attachment.get("blocks", []), "message", files, path):
            raise ApiError("invalid_attachments", problems)


def _check_metadata(metadata: Any) -> None:
    if not isinstance(metadata, dict):
        raise ApiError("invalid_metadata_format")
    if metadata.keys() != {"event_type", "event_payload"} or not isinstance(metadata["event_payload"], dict):
        raise ApiError("invalid_metadata_schema")
    if not isinstance(metadata["event_type"], str) or not metadata["event_type"]:
        raise ApiError("invalid_metadata_schema")
    if len(json.dumps(metadata).encode()) > METADATA_BYTES:
        raise ApiError("metadata_too_large")
