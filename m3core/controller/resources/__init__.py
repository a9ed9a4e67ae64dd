"""The REST API of the embedded controller, one module for each resource, as in `m3core.rest` (rest.md § 4).

Each module has one class whose `handlers` say which method answers which endpoint; `api` collects them. `incoming` is
a request as handlers get it, and `access` decides who asks and which rooms they may see.
"""
