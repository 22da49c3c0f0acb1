"""Slack's documented limits and the rules of Block Kit and mrkdwn: pure functions, no state.

Problems are told as Slack tells them: ``must be less than 3001 characters [json-pointer:/blocks/0/text/text]``.
"""
