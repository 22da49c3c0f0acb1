"""Processes: the worker that runs workflows and activities, and the one place that joins ports and adapters."""
