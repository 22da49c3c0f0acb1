"""The only reader of the environment. Every variable is listed here, with its default.

A local stack started by ``ladder dev`` leaves its addresses in ``stack.json`` of its state directory; they are used
for what the environment does not set, so that after ``ladder dev`` every command works without configuration.
"""

import getpass
import json
import os
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, SecretStr

PAGERDUTY = "https://events.pagerduty.com/v2/enqueue"
"""Where PagerDuty takes events by its documentation."""


class Settings(BaseModel):
    """Where everything is."""

    model_config = ConfigDict(frozen=True)

    config_dir: Path
    """``LADDER_CONFIG``: directory of policy.yaml, people.yaml and ladders/. Default: ``config`` here, else shipped."""
    audit_url: str
    """``LADDER_AUDIT_URL``: SQLAlchemy URL of the audit store. Default: SQLite in the state directory."""
    anchor_dir: Path
    """``LADDER_ANCHORS``: where heads of audit chains are anchored. Default: in the state directory."""
    platform_url: str | None
    """``LADDER_PLATFORM_URL``: the bot platform."""
    prometheus_url: str | None
    """``PROMETHEUS_URL``: where gates ask."""
    temporal_address: str | None
    """``TEMPORAL_ADDRESS``: host:port of Temporal, or a profile of its own configuration; else the local stack's."""
    webhook_url: str | None
    """``LADDER_WEBHOOK_URL``: where notices go."""
    webhook_secret: SecretStr | None
    """``LADDER_WEBHOOK_SECRET``: signs them, and alerts."""
    alerts_url: str | None
    """``LADDER_ALERTS_URL``: where alerts of incidents go as signed JSON."""
    pagerduty_key: SecretStr | None
    """``LADDER_PAGERDUTY_KEY``: integration key of the PagerDuty service (Events API v2) that is told of incidents."""
    pagerduty_url: str
    """``LADDER_PAGERDUTY_URL``: where its events go. Default: ``https://events.pagerduty.com/v2/enqueue``."""
    slack_token: SecretStr | None
    """``SLACK_BOT_TOKEN``: bot token (``xoxb-…``) of the Slack app; without it the ladder does without Slack."""
    slack_app_token: SecretStr | None
    """``SLACK_APP_TOKEN``: app-level token (``xapp-…``), with which ``ladder slack`` listens by Socket Mode."""
    slack_signing_secret: SecretStr | None
    """``SLACK_SIGNING_SECRET``: proves that a request over HTTP is Slack's; for ``ladder slack --http``."""
    slack_file: Path
    """``LADDER_SLACK``: which workspace and channels. Default: ``slack.yaml`` in the configuration's directory."""
    slack_api: str | None
    """``LADDER_SLACK_API``: another address of Slack's Web API, as a fake one has."""
    notices_file: Path | None
    """``LADDER_NOTICES``: file that notices are appended to as JSON lines; the local stack sets it."""
    metrics_address: str | None
    """``LADDER_METRICS``: host:port where the worker shows its own metrics to Prometheus."""
    build_id: str | None
    """``LADDER_BUILD_ID``: version of this worker; runs are pinned to it and move on at stage boundaries."""
    identity: str
    """``LADDER_IDENTITY``: who acts, by any name in people.yaml. Default: the login name."""
    state_dir: Path
    """``LADDER_STATE``: directory of local stack and ``desk.jsonl``. Default: ``$XDG_STATE_HOME/promotion-ladder``."""


def default_state_dir(environ: Mapping[str, str]) -> Path:
    """Where the local stack keeps its files unless told otherwise."""
    if "LADDER_STATE" in environ:
        return Path(environ["LADDER_STATE"])
    base = environ.get("XDG_STATE_HOME") or str(Path(environ.get("HOME", "~")).expanduser() / ".local" / "state")
    return Path(base) / "promotion-ladder"


def shipped_config() -> Path:
    """The configuration that comes with the package."""
    return Path(__file__).parent / "config"


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """The settings from ``environ`` (the process's own by default) and the local stack's ``stack.json``."""
    env = dict(os.environ if environ is None else environ)
    state_dir = default_state_dir(env)
    stack = read_stack(state_dir)
    here = Path("config")
    default_config = here if (here / "policy.yaml").is_file() else shipped_config()

    def value(name: str, key: str) -> str | None:
        return env.get(name) or stack.get(key)

    def secret(name: str) -> SecretStr | None:
        return SecretStr(env[name]) if env.get(name) else None

    notices = value("LADDER_NOTICES", "notices")
    config_dir = Path(value("LADDER_CONFIG", "config") or default_config)
    return Settings(
        config_dir=config_dir,
        audit_url=value("LADDER_AUDIT_URL", "audit") or f"sqlite:///{state_dir / 'audit.sqlite'}",
        anchor_dir=Path(value("LADDER_ANCHORS", "anchors") or state_dir / "anchors"),
        platform_url=value("LADDER_PLATFORM_URL", "platform"),
        prometheus_url=value("PROMETHEUS_URL", "prometheus"),
        temporal_address=None if "TEMPORAL_PROFILE" in env else value("TEMPORAL_ADDRESS", "temporal"),
        webhook_url=env.get("LADDER_WEBHOOK_URL"),
        webhook_secret=secret("LADDER_WEBHOOK_SECRET"),
        alerts_url=env.get("LADDER_ALERTS_URL") or None,
        pagerduty_key=secret("LADDER_PAGERDUTY_KEY"),
        pagerduty_url=env.get("LADDER_PAGERDUTY_URL") or PAGERDUTY,
        slack_token=secret("SLACK_BOT_TOKEN"),
        slack_app_token=secret("SLACK_APP_TOKEN"),
        slack_signing_secret=secret("SLACK_SIGNING_SECRET"),
        slack_file=Path(env.get("LADDER_SLACK") or config_dir / "slack.yaml"),
        slack_api=env.get("LADDER_SLACK_API"),
        notices_file=Path(notices) if notices else None,
        metrics_address=env.get("LADDER_METRICS"),
        build_id=env.get("LADDER_BUILD_ID"),
        identity=env.get("LADDER_IDENTITY") or _login(),
        state_dir=state_dir,
    )


def read_stack(state_dir: Path) -> dict[str, str]:
    """What a local stack says of itself; empty when none was started in ``state_dir``."""
    try:
        found = json.loads((state_dir / "stack.json").read_text())
    except (OSError, ValueError):
        return {}
    return {str(key): str(value) for key, value in found.items()} if isinstance(found, dict) else {}


def _login() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"
