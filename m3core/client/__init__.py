"""The objects that users hold, written once for every event loop: `Conference`, `Publication`, `Account` ...

Their coroutines await only what a `loop.Backend` gives them. `m3asyncio` and `m3trio` are two backends, and hold
everything that differs between event loops. Users import the names from there; `m3core.public` lists them.
"""
