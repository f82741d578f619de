"""A TCP proxy before a broker, for faults that a broker does not make to order: cut, silent, never there."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit, urlunsplit


class Proxy:
    """Forwards to ``url``; ``self.url`` is the same with the proxy's address."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        assert parts.hostname is not None and parts.port is not None
        self._target = (parts.hostname, parts.port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        user = parts.netloc.rpartition("@")
        self.url = urlunsplit(parts._replace(netloc="".join(user[:2]) + address))
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._silent = False
        self._away = False
        self._closed = False
        self._wake, self._rouse = socket.socketpair()
        self._thread = threading.Thread(target=self._forward, daemon=True)
        self._thread.start()

    def cut(self) -> None:
        """End all connections; new ones are taken."""
        pairs, self._pairs = self._pairs, []
        for sockets in pairs:
            for one in sockets:
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
        self._rouse.send(b"!")

    def leave(self) -> None:
        """End all connections, and each new one as soon as it comes."""
        self._away = True
        self.cut()

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self._pairs)

    def fall_silent(self) -> None:
        """Forward nothing any more, either way, and keep the connections."""
        self._silent = True
        self._rouse.send(b"!")

    def speak_again(self) -> None:
        """Forward what has gathered meanwhile, and what comes."""
        self._silent = False
        self._rouse.send(b"!")

    def __enter__(self) -> Proxy:
        return self

    def __exit__(self, *_: object) -> None:
        self._closed = True
        self.cut()
        self._thread.join(5)
        for one in (self._listener, self._wake, self._rouse):
            one.close()

    def _forward(self) -> None:
        open_pairs: list[tuple[socket.socket, socket.socket]] = []
        while not self._closed:
            peers = {here: there for pair in open_pairs for here, there in (pair, pair[::-1])}
            watched = [] if self._silent else list(peers)
            ready, _, _ = select.select([self._listener, self._wake, *watched], [], [])
            for one in ready:
                if one is self._listener:
                    self._accept(open_pairs)
                elif one is self._wake:
                    one.recv(100)
                elif one in peers and not self._silent and not _pump(one, peers[one]):
                    self._drop(open_pairs, one)
        for pair in open_pairs:
            for one in pair:
                one.close()

    def _accept(self, open_pairs: list[tuple[socket.socket, socket.socket]]) -> None:
        client, _ = self._listener.accept()
        if self._away:
            client.close()
            return
        pair = (client, socket.create_connection(self._target))
        open_pairs.append(pair)
        self._pairs.append(pair)

    def _drop(self, open_pairs: list[tuple[socket.socket, socket.socket]], one: socket.socket) -> None:
        for pair in [pair for pair in open_pairs if one in pair]:
            open_pairs.remove(pair)
            for end in pair:
                end.close()


def _pump(source: socket.socket, target: socket.socket) -> bool:
    try:
        data = source.recv(65536)
        target.sendall(data)
    except OSError:
        return False
    return bool(data)


@contextlib.contextmanager
def mute_server() -> Iterator[int]:
    """Port of a server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]
