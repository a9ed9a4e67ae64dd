"""Benchmarks (``python -m benchmarks``): the `run()` of each module measures ours and a peer's side by side."""
