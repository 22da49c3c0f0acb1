"""Slack: messages out (``notifier``), who is in which group (``groups``), and what the two and the gateway share."""
