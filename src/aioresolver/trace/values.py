"""What a trace is made of, as plain data."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Judged", "TraceStep", "Use"]


class Judged(NamedTuple):
    """A record as zone text, and why it was believed, or was not."""

    record: str
    why: str


class Use(NamedTuple):
    """How much of one limit a walk has used: `queries`, `bytes`, `seconds`, `depth` or `aliases`."""

    what: str
    used: float
    most: float


class TraceStep(NamedTuple):
    """One question to one server; or an address that had to be found first, with the steps for that inside of it.

    - `purpose`: why it was asked: `answer`; `cut`, for a part of the name, to see no more of it than needed (RFC 9156);
      `priming`, for the root servers (RFC 8109); `forward`, of a resolver; `address`, the address of a nameserver, which
      `steps` find. Or what was known without a packet: `start`, the zone that the walk begins at; `local`, a special
      name; `known absent`; `failed before`.
    - `zone`: whose server it is; `host` and `address`: the server. Of an `address` step these are the zone that needs a
      nameserver, that nameserver, and "".
    - `question`: what was asked, `www.example.org. A`; `client`: the question for which that was done.
    - `transport`: udp or tcp; `before`: what went before over the same or the other, in words.
    - `kind`: what came back: `answer`, `alias`, `no-data`, `no-name`, `referral`, `lame`, `failure` or `silence`; the
      same in words is `outcome`. `rcode`: of the reply; "" without one. `referral`: the zone that was referred to, or "".
    - `believed`, `dropped`: the records that were used, and those that were not.
    - `began`: seconds since the walk began; `elapsed`: seconds. `queries`, `bytes`: what was sent and received until then.
    """

    purpose: str
    zone: str
    host: str
    address: str
    question: str
    client: str
    transport: str
    before: tuple[str, ...]
    kind: str
    outcome: str
    rcode: str
    referral: str
    believed: tuple[Judged, ...]
    dropped: tuple[Judged, ...]
    began: float
    elapsed: float
    queries: int
    bytes: int
    steps: tuple[TraceStep, ...] = ()

    @property
    def useful(self) -> bool:
        """Whether it brought the walk on."""
        return self.kind not in ("lame", "failure", "silence")
