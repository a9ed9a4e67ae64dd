"""A conference in the event loop of Qt: signals are inputs, a timer is the deadline. QtNetwork does TCP and TLS.

Run: python examples/embedding/with_qt.py INVITATION_URL [SECONDS]"""

import math
import sys
from functools import partial

from PySide6.QtCore import QCoreApplication, QElapsedTimer, Qt, QTimer
from PySide6.QtNetwork import QAbstractSocket, QSslSocket
from visitor import Input, Visitor

from m3core.conference.wire import Open, Shut, SocketId, Write

QUEUED = Qt.ConnectionType.QueuedConnection  # signals that our own calls cause come after the outputs are drained


class Loop:
    """`feed` gives one input, performs its outputs, and sets the timer to the deadline."""

    def __init__(self, visitor: Visitor) -> None:
        self.visitor, self.wire = visitor, visitor.wire
        self.sockets: dict[SocketId, QSslSocket] = {}
        self.clock = QElapsedTimer()
        self.clock.start()
        self.timer = QTimer()
        self.timer.setSingleShot(True)
        self.timer.timeout.connect(lambda: self.feed(visitor.advance))

    def now(self) -> float:
        """Monotonic seconds."""
        return self.clock.nsecsElapsed() / 1e9

    def feed(self, give: Input) -> None:
        """Give one input and perform its outputs. All signals end here."""
        give(self.now())
        for output in self.wire.outputs():
            match output:
                case Open(socket=number):
                    self.open(output)
                case Write(socket=number, data=data):
                    self.sockets[number].write(data)
                case Shut(socket=number, abort=True):
                    self.sockets[number].abort()
                case Shut(socket=number):
                    self.sockets[number].disconnectFromHost()
                case _:
                    self.visitor.tell(output)
        self.timer.start(math.ceil(self.visitor.timeout(self.now()) * 1000))
        if self.wire.is_over:
            QCoreApplication.exit(self.visitor.exit_code)

    def open(self, wanted: Open) -> None:
        """Begin to open a socket, which keeps what is written before it is open."""
        self.sockets[wanted.socket] = socket = QSslSocket()
        socket.readyRead.connect(partial(self.read, wanted.socket), QUEUED)
        socket.errorOccurred.connect(partial(self.lost, wanted.socket), QUEUED)
        if wanted.origin.tls:
            socket.connectToHostEncrypted(wanted.origin.host, wanted.origin.port)
        else:
            socket.connectToHost(wanted.origin.host, wanted.origin.port)

    def read(self, number: SocketId) -> None:
        if data := bytes(self.sockets[number].readAll().data()):
            self.feed(partial(self.wire.data_received, number, data))

    def lost(self, number: SocketId, error: QAbstractSocket.SocketError) -> None:
        """The socket could not be opened, the server closed it, or it broke."""
        self.read(number)
        self.sockets[number].abort()
        hung_up = error is QAbstractSocket.SocketError.RemoteHostClosedError
        self.feed(partial(self.wire.data_received, number, b"") if hung_up else partial(self.wire.socket_lost, number))


if __name__ == "__main__":
    application = QCoreApplication(sys.argv)
    loop = Loop(Visitor("Quinn", *sys.argv[1:]))
    QTimer.singleShot(0, lambda: loop.feed(loop.visitor.conference.start))
    sys.exit(application.exec())
