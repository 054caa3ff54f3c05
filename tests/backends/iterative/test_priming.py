from __future__ import annotations

from aioresolver.backends.iterative.delegations import Trust
from aioresolver.backends.iterative.priming import PRIMING, read_priming
from aioresolver.wire.message import Message, Record


def reply(answer, additional):
    return Message.query(PRIMING).reply(
        answer=[Record.parse(text) for text in answer], additional=[Record.parse(text) for text in additional]
    )


def test_the_root_servers_with_their_addresses():
    message = reply(
        [". 1000 NS a.root.", ". 1000 NS b.root.", "org. 1000 NS ns.evil."],
        ["a.root. 500 A 10.0.0.1", "a.root. 500 AAAA fd00::1", "b.root. 500 A 0.0.0.0", "ns.evil. 500 A 10.6.6.6"],
    )
    root = read_priming(message, 10.0, kept=20)

    assert root.zone == "."
    assert root.names == ("a.root.", "b.root.")
    assert root.glue == {"a.root.": ("10.0.0.1", "fd00::1")}
    assert root.expires == 1010.0
    assert root.trust is Trust.PRIMED


def test_so_many_are_kept():
    message = reply([f". 1000 NS {letter}.root." for letter in "abcdef"], ["a.root. 500 A 10.0.0.1"])

    assert len(read_priming(message, 0.0, kept=3).names) == 3


def test_a_reply_without_addresses_is_of_no_use():
    assert read_priming(reply([". 1000 NS a.root."], []), 0.0, kept=20) is None
    assert read_priming(reply([], ["a.root. 500 A 10.0.0.1"]), 0.0, kept=20) is None
