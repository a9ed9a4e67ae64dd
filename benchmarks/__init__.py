"""Benchmarks: the `run()` of each module measures ratios, side by side in one process. ``python -m benchmarks``."""
