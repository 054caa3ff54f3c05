"""A way to a server, as a process of its own: so many packets a second, a queue of so many, and a round trip of so long.

Arguments: the server's port, packets a second, places in the queue, seconds. The first line that it writes is its own
port. For each line read it writes how many queries it has carried and how many found no place in the queue.
"""

from __future__ import annotations

import heapq
import selectors
import socket
import sys
from itertools import count
from time import monotonic

# A client that has not asked for so many packets of others is forgotten.
CLIENTS = 200


class Relay:
    """Carries queries at a pace, and replies at once."""

    def __init__(self, server: int, *, pace: float, places: int, trip: float) -> None:
        self.carried = 0
        self.dropped = 0
        self._server = ("127.0.0.1", server)
        self._pace = pace
        self._places = places
        self._trip = trip
        self._free_at = 0.0
        self._under_way: list[tuple[float, int, bytes, socket.socket]] = []
        self._order = count()
        self._clients: dict[tuple[str, int], socket.socket] = {}
        self._selector = selectors.DefaultSelector()
        self.front = self._open()
        self.front.bind(("127.0.0.1", 0))
        self._selector.register(self.front, selectors.EVENT_READ)
        self._selector.register(sys.stdin, selectors.EVENT_READ)

    def run(self) -> None:
        """Until nobody listens."""
        while True:
            timeout = max(0.0, self._under_way[0][0] - monotonic()) if self._under_way else None
            for key, _ in self._selector.select(timeout):
                if key.fileobj is self.front:
                    self._take_queries()
                elif key.fileobj is not sys.stdin:
                    self._take_replies(key.fileobj, key.data)
                elif not sys.stdin.readline():
                    return
                else:
                    print(self.carried, self.dropped, flush=True)
            self._send(monotonic())

    def _take_queries(self) -> None:
        while True:
            try:
                query, client = self.front.recvfrom(4096)
            except BlockingIOError:
                return
            now = monotonic()
            begins = max(self._free_at, now)
            if (begins - now) * self._pace > self._places:
                self.dropped += 1
                continue
            self.carried += 1
            self._free_at = begins + 1 / self._pace
            back = self._clients.get(client) or self._welcome(client)
            heapq.heappush(self._under_way, (self._free_at + self._trip, next(self._order), query, back))

    def _take_replies(self, back: socket.socket, client: tuple[str, int]) -> None:
        while True:
            try:
                self.front.sendto(back.recv(4096), client)
            except BlockingIOError:
                return

    def _send(self, now: float) -> None:
        while self._under_way and self._under_way[0][0] <= now:
            _, _, query, back = heapq.heappop(self._under_way)
            if back.fileno() >= 0:
                back.send(query)

    def _welcome(self, client: tuple[str, int]) -> socket.socket:
        if len(self._clients) >= CLIENTS:
            oldest = self._clients.pop(next(iter(self._clients)))
            self._selector.unregister(oldest)
            oldest.close()
        back = self._clients[client] = self._open()
        back.connect(self._server)
        self._selector.register(back, selectors.EVENT_READ, client)
        return back

    @staticmethod
    def _open() -> socket.socket:
        opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        opened.setblocking(False)
        return opened


relay = Relay(int(sys.argv[1]), pace=float(sys.argv[2]), places=int(sys.argv[3]), trip=float(sys.argv[4]))
print(relay.front.getsockname()[1], flush=True)
relay.run()
