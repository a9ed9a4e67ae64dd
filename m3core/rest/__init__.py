"""The REST plane as typed values, both roles (rest.md). Sockets, retries and tokens are the business of others.

One module a resource: `auth`, `users`, `events`, `rooms`, `invites`, `turn`. Around them: `endpoint` (one request and
its response, both ways), `routes` (which endpoint a request names), `errors` (error answers) and `error_body` (what a
client keeps of them), `cors`, `body` (JSON to attrs and back), `link` and `address` (invitation links and addresses of
servers, which are hostile input), `discovery` (where the controller of a link is, and its API).
"""
