"""The pure core: what a ladder is and how it decides.

No clock, no randomness, no I/O, no Temporal here: time, evidence and identity are arguments. The rule is held by
``tests/test_purity.py`` and ``tests/test_layout.py``.
"""
