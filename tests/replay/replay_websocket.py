"""WebSockets of the clients in a recording, by the sans-IO part of `websockets`; none of our packages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from replay_lines import Line, Network, json_or_none
from websockets.client import ClientProtocol
from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import State
from websockets.typing import Subprotocol
from websockets.uri import parse_uri


class _Client(ClientProtocol):
    """Accepts any sub-protocol, since the scenario has its own header, and can leave pings unanswered."""

    answers_pings = True

    def process_subprotocol(self, headers: Any) -> Subprotocol | None:
        return None if (selected := headers.get("Sec-WebSocket-Protocol")) is None else Subprotocol(selected)

    def send_frame(self, frame: Frame) -> None:
        if frame.opcode is not Opcode.PONG or self.answers_pings:
            super().send_frame(frame)


class Socket(Line):
    """One WebSocket. ``ended`` is called once: with the code of the close frame, or None if there was none."""

    def __init__(
        self,
        network: Network,
        path: str,
        protocols: str | None,
        *,
        answers_pings: bool,
        opened: Callable[[str | None], None],
        rejected: Callable[[int, Any], None],
        message: Callable[[bytes, bool], None],
        pinged: Callable[[bytes], None],
        ended: Callable[[int | None], None],
    ) -> None:
        self.answered = False
        """Whether the handshake is over."""
        self.pongs: list[bytes] = []
        self._opened, self._rejected, self._message, self._pinged = opened, rejected, message, pinged
        self._ended = ended
        self._network = network
        self._is_over = False
        self._parts: list[bytes] = []
        self._is_text = True
        self._client = _Client(parse_uri(f"ws://{network.host}{path}"), max_size=None)
        self._client.answers_pings = answers_pings
        request = self._client.connect()
        if protocols is not None:
            request.headers["Sec-WebSocket-Protocol"] = protocols
        network.connect(self)
        self._client.send_request(request)
        self._flush()

    @property
    def is_open(self) -> bool:
        """Whether messages can be sent."""
        return self._client.state is State.OPEN and not self._is_over

    # -- what the client does ---
    def send_text(self, text: str, pieces_of: int | None = None) -> None:
        """Send a text message, in fragments of ``pieces_of`` characters if given."""
        data = text.encode()
        if pieces_of is None:
            self._client.send_text(data)
        else:
            pieces = [text[at : at + pieces_of].encode() for at in range(0, len(text), pieces_of)]
            self._client.send_text(pieces[0], fin=len(pieces) == 1)
            for number, piece in enumerate(pieces[1:], 2):
                self._client.send_continuation(piece, fin=number == len(pieces))
        self._flush()

    def send_binary(self, data: bytes) -> None:
        """Send a binary message."""
        self._client.send_binary(data)
        self._flush()

    def ping(self, payload: bytes) -> None:
        """Send a ping."""
        self._client.send_ping(payload)
        self._flush()

    def close(self, code: int) -> None:
        """Send a close frame."""
        if self.is_open:
            self._client.send_close(code)
            self._flush()

    def abort(self) -> None:
        """Reset the TCP connection."""
        if not self._is_over:
            self._network.abort(self)
            self._end(None)

    # -- a `Line` ---
    def received(self, data: bytes) -> None:
        self._client.receive_data(data)
        self._take()

    def lost(self) -> None:
        self._client.receive_eof()
        self._take()
        self._network.close(self)
        self._end(None)

    def _take(self) -> None:
        for event in self._client.events_received():
            if isinstance(event, Response):
                self.answered = True
                if self._client.state is State.CONNECTING:
                    self._is_over = True
                    self._rejected(event.status_code, json_or_none(event.body))
                else:
                    self._opened(event.headers.get("Sec-WebSocket-Protocol"))
            elif isinstance(event, Frame):
                self._take_frame(event)
        self._flush()

    def _take_frame(self, frame: Frame) -> None:
        data = bytes(frame.data)
        match frame.opcode:
            case Opcode.PING:
                self._pinged(data)
            case Opcode.PONG:
                self.pongs.append(data)
            case Opcode.CLOSE:
                self._end(int.from_bytes(data[:2], "big") if data else CloseCode.NO_STATUS_RCVD)
            case _:
                if frame.opcode is not Opcode.CONT:
                    self._is_text = frame.opcode is Opcode.TEXT
                self._parts.append(data)
                if frame.fin:
                    whole = b"".join(self._parts)
                    self._parts = []
                    self._message(whole, self._is_text)

    def _end(self, code: int | None) -> None:
        if not self._is_over:
            self._is_over = True
            self._ended(code)

    def _flush(self) -> None:
        for data in self._client.data_to_send():
            if data:
                self._network.write(self, data)
            else:
                self._network.close(self)
