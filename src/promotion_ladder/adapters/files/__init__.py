"""The files operators edit: ladders, policy, people and releases, read from YAML and checked with line and column."""

from promotion_ladder.adapters.files.cases import Judged, judge_line, judge_text, load_check
from promotion_ladder.adapters.files.check import check_file, check_files, named_by
from promotion_ladder.adapters.files.directory import (
    ConfigDirectory,
    load_ladder,
    load_people,
    load_policy,
    load_release,
    load_slack,
)
from promotion_ladder.adapters.files.document import Document, UnreadableError, read
from promotion_ladder.adapters.files.problem import Problem, Severity
from promotion_ladder.adapters.files.queries import Query, queries_in
from promotion_ladder.adapters.files.schemas import schemas

__all__ = [
    "ConfigDirectory",
    "Document",
    "Judged",
    "Problem",
    "Query",
    "Severity",
    "UnreadableError",
    "check_file",
    "check_files",
    "judge_line",
    "judge_text",
    "load_check",
    "load_ladder",
    "load_people",
    "load_policy",
    "load_release",
    "load_slack",
    "named_by",
    "queries_in",
    "read",
    "schemas",
]
