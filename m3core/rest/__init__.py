"""The REST API as typed values, for both roles (rest.md). This package does not know sockets, retries or tokens.

Each resource has a module: `auth`, `users`, `events`, `streaming`, `rooms`, `invites`, `turn`, `services`. The others
are `endpoint` (one request and its response, for client and server), `routes` (the endpoint of a request), `errors`
(error answers), `error_body` (the parts of an error answer that a client keeps), `cors`, `body` (JSON to attrs and
back), `link` and `address` (invitation links and addresses of servers, which are hostile input), and `discovery` (the
search for the controller of a link, and for its API).
"""
