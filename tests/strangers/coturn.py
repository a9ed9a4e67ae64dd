"""coturn, a TURN server that is not ours, at 127.0.0.1."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from patience import PATIENCE
from turn_server import HOST, SECRET, refusing_port


def need_coturn() -> str:
    """The path of its program. Where it is not installed, the test is skipped, but fails in CI."""
    path = shutil.which("turnserver")
    if path is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("coturn is not installed")
    return path


@contextmanager
def coturn() -> Iterator[int]:
    """Run coturn for the user of `turn_server`; its port, for UDP and TCP."""
    path, port = need_coturn(), refusing_port()
    with tempfile.TemporaryDirectory() as folder:
        options = {
            "listening-ip": HOST, "relay-ip": HOST, "listening-port": port, "realm": "coturn.test",
            "static-auth-secret": SECRET, "log-file": "stdout", "pidfile": Path(folder, "pid"),
            "userdb": Path(folder, "db"),
        }  # fmt: skip
        flags = ("use-auth-secret", "allow-loopback-peers", "no-tls", "no-dtls", "no-cli", "fingerprint", "simple-log")
        command = [path, "-n", *(f"--{flag}" for flag in flags)]
        command += [f"--{name}={value}" for name, value in options.items()]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, cwd=folder)
        try:
            _wait_for(port, process)
            yield port
        finally:
            process.kill()
            process.wait()


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection((HOST, port)).close()
        except OSError:
            time.sleep(0.01)
        else:
            return
    pytest.fail("coturn did not begin to serve")
