"""The workflow that walks one release up its ladder: thin, and reading as the story.

``promotion`` is the story; ``climb`` the state and what every step does with it; ``messages`` rules on what people
send; ``observation``, ``exits`` and ``compensation`` are the three things a stage can do.
"""
