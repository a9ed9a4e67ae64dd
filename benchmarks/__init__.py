"""Benchmarks: each module has a `run()` that prints ratios, measured side by side in one process."""
