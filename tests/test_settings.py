"""The environment comes first, then the local stack's own file, then defaults."""

import json
from pathlib import Path

from promotion_ladder import settings


def test_a_local_stack_is_found_and_the_environment_overrules_it(tmp_path: Path) -> None:
    (tmp_path / "stack.json").write_text(json.dumps({"platform": "http://a", "temporal": "h:1", "config": "/c"}))
    found = settings.load({"LADDER_STATE": str(tmp_path), "LADDER_PLATFORM_URL": "http://b"})
    assert (found.platform_url, found.temporal_address, str(found.config_dir)) == ("http://b", "h:1", "/c")


def test_what_is_secret_is_not_shown(tmp_path: Path) -> None:
    secret = {"LADDER_PAGERDUTY_KEY": "k3y", "LADDER_WEBHOOK_SECRET": "s3cr3t"}
    found = settings.load({"LADDER_STATE": str(tmp_path), **secret})
    assert [word for word in secret.values() if word in f"{found!r} {found} {found.model_dump_json()}"] == []
    assert found.pagerduty_key is not None
    assert found.pagerduty_key.get_secret_value() == "k3y"
    assert settings.load({"LADDER_STATE": str(tmp_path), "LADDER_PAGERDUTY_KEY": ""}).pagerduty_key is None


def test_a_profile_of_temporal_is_left_to_temporal(tmp_path: Path) -> None:
    (tmp_path / "stack.json").write_text(json.dumps({"temporal": "h:1"}))
    assert settings.load({"LADDER_STATE": str(tmp_path), "TEMPORAL_PROFILE": "prod"}).temporal_address is None


def test_a_broken_stack_file_is_as_good_as_none(tmp_path: Path) -> None:
    (tmp_path / "stack.json").write_text("{")
    assert settings.load({"LADDER_STATE": str(tmp_path)}).platform_url is None


def test_secrets_do_not_show() -> None:
    found = settings.load({"HOME": "/nowhere", "LADDER_WEBHOOK_SECRET": "hunter2"})
    assert "hunter2" not in repr(found)
    assert "hunter2" not in found.model_dump_json()
