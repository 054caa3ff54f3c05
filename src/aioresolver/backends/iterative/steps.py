"""What a walk tells whoever wants to see it: one Step for each packet, and for what needed none."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from aioresolver.wire.message import Question, Record
from aioresolver.wire.names import Name

__all__ = ["Dropped", "Recorder", "Step"]


class Dropped(NamedTuple):
    """A record that was not believed, as text, and why."""

    record: str
    why: str


class Step(NamedTuple):
    """One question to one server, or one thing that was known without a packet.

    - `depth`: 0 for what the client asked, 1 for the address of a nameserver that is needed for that, and so on.
    - `purpose`: why it was asked: `answer`, `cut` (a part of the name, RFC 9156), `priming` or `forward`; `address`, for
      a nameserver whose address had to be found, which the steps before it with one more `depth` did; or what was
      known: `start` (the zone that the walk begins at), `local`, `known absent`, `failed before`.
    - `zone`: whose server was asked; `server`: its address; `host`: its name. Empty where no packet was sent.
    - `question`: what was asked of it. `client`: the name and type for which this is done.
    - `outcome`: what came back, in words; `kind` in one: `answer`, `alias`, `no-data`, `no-name`, `referral`, `lame`,
      `failure`, `silence`.
    - `believed`: the records that were used; `dropped`: those that were not.
    - `began`: loop time; `elapsed`: seconds.
    - `rcode`: of the reply, "" without one; `referral`: the zone that was referred to; `before`: what made it ask the
      same server again (truncation, EDNS), in words.
    - `queries`, `bytes`: what the client's question has cost until then.
    """

    depth: int
    purpose: str
    client: Question
    question: Question
    zone: Name
    server: str
    host: str
    transport: str
    kind: str
    outcome: str
    believed: tuple[Record, ...]
    dropped: tuple[Dropped, ...]
    began: float
    elapsed: float
    rcode: str = ""
    referral: Name | None = None
    before: tuple[str, ...] = ()
    queries: int = 0
    bytes: int = 0


class Recorder(Protocol):
    """Takes the steps of a walk as they end."""

    def step(self, step: Step) -> None:
        """One more."""
