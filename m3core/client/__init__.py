"""What users hold of a conference, written once for every event loop: `Conference`, `Publication`, `Account` ...

Coroutines that await only what a `loop.Backend` gives them. `m3asyncio` and `m3trio` are two backends; all that they
do not share is in those packages. Not imported by name: adapters say what is public (`public`).
"""
