"""The REST plane as typed values, both roles (rest.md). Sockets, retries and tokens are the business of others.

One module a resource: `auth`, `users`, `events`, `rooms`, `invites`, `turn`. Around them: `endpoint` (one request and
its response, both ways), `routes` (which endpoint a request names), `errors` (error bodies), `cors`, `body` (JSON to
attrs and back), `link` (invitation links and controller addresses, which are hostile input).
"""
