"""Answer: how a message is read for its question."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator
from ipaddress import ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import aioresolver.wire.layout
import aioresolver.wire.message
from aioresolver.answer import Answer
from aioresolver.errors import MessageFormatError
from aioresolver.wire.codes import EdnsOption, ExtendedError, Flag, Rcode
from aioresolver.wire.edns import ClientSubnet, Edns
from aioresolver.wire.message import Message, Question, Record
from aioresolver.wire.query import question_section

NOW = 1000.0
SOA = "example.org. 300 SOA ns.example.org. host.example.org. 1 2 3 4 60"


def answer_of(
    name: str, type: str, *answer: str, authority: tuple[str, ...] = (), rcode: Rcode = Rcode.NOERROR
) -> Answer[Any]:
    question = Question.parse(name, type)
    message = Message(
        flags=Flag.QR,
        rcode=rcode,
        question=(question,),
        answer=tuple(map(Record.parse, answer)),
        authority=tuple(map(Record.parse, authority)),
    )
    return Answer.of(question, Message.parse(message.to_wire()), now=NOW, server="udp://192.0.2.53")


def test_addresses() -> None:
    answer = answer_of("www.example.org", "A", "www.example.org. 60 A 192.0.2.1", "www.example.org. 50 A 192.0.2.2")
    assert [str(data) for data in answer] == ["192.0.2.1", "192.0.2.2"]
    assert (len(answer), answer[0].address, answer[1:][0].address) == (2, "192.0.2.1", "192.0.2.2")
    assert (answer.expires, answer.name, answer.aliases, answer.rcode) == (NOW + 50, "www.example.org.", (), 0)
    assert str(answer.records[0]) == "www.example.org. 60 IN A 192.0.2.1"


def test_the_least_ttl_of_the_alias_chain_counts() -> None:
    answer = answer_of(
        "www.example.org",
        "A",
        "www.example.org. 10 CNAME web.example.net.",
        "web.example.net. 99 CNAME host.example.com.",
        "host.example.com. 60 A 192.0.2.1",
    )
    assert answer.expires == NOW + 10
    assert answer.aliases == ("www.example.org.", "web.example.net.")
    assert answer.name == "host.example.com."
    assert [data.address for data in answer] == ["192.0.2.1"]


def test_records_beside_the_chain_are_not_believed() -> None:
    answer = answer_of("www.example.org", "A", "www.example.org. 60 A 192.0.2.1", "www.bank.example. 60 A 192.0.2.66")
    assert [data.address for data in answer] == ["192.0.2.1"]


def test_dname_without_its_cname() -> None:
    answer = answer_of("a.b.example.org", "A", "example.org. 10 DNAME example.net.", "a.b.example.net. 60 A 192.0.2.1")
    assert (answer.name, answer.aliases, answer.expires) == ("a.b.example.net.", ("a.b.example.org.",), NOW + 10)


def test_a_dname_is_found_behind_aliases_too():
    answer = answer_of("www.example.org", "DNAME", "www.example.org. 60 CNAME example.net.", "example.net. 60 DNAME a.")
    own = answer_of("example.net", "DNAME", "example.net. 60 DNAME a.")

    assert (answer.aliases, answer.name, [data.target for data in answer]) == (
        ("www.example.org.",),
        "example.net.",
        ["a."],
    )
    assert (own.aliases, own.name, [data.target for data in own]) == ((), "example.net.", ["a."])


def test_dname_that_makes_too_long_a_name() -> None:
    long = ".".join(["x" * 60] * 4)
    with pytest.raises(MessageFormatError, match="DNAME"):
        answer_of("abcdefghijklmnop.example.org", "A", f"example.org. 10 DNAME {long}.")


@pytest.mark.parametrize("length", [1, 2, 3])
def test_alias_circles(length: int) -> None:
    circle = [f"n{i}.example. 60 CNAME n{(i + 1) % length}.example." for i in range(length)]
    with pytest.raises(MessageFormatError, match="circle"):
        answer_of("n0.example", "A", *circle)


def test_alias_chains_are_bounded() -> None:
    chain = [f"n{i}.example. 60 CNAME n{i + 1}.example." for i in range(17)]
    with pytest.raises(MessageFormatError, match="16"):
        answer_of("n0.example", "A", *chain)
    assert len(answer_of("n1.example", "A", *chain).aliases) == 16


def test_the_nearest_dname_counts_and_those_below_do_not():
    answer = answer_of(
        "a.b.c.example",
        "A",
        "example. 60 DNAME wrong.example.",
        "x.c.example. 60 DNAME wrong.example.",
        "a.b.c.example. 60 DNAME wrong.example.",
        "c.example. 60 DNAME net.",
        ". 60 DNAME wrong.example.",
        "a.b.net. 60 A 192.0.2.1",
    )

    assert (answer.name, answer.aliases) == ("a.b.net.", ("a.b.c.example.",))


def test_thousands_of_aliases_are_looked_through_a_few_times(monkeypatch):
    """However long the way is that leads through them."""
    steps = [f"n{i}.example. 60 CNAME n{i + 1}.example." for i in reversed(range(16))]
    others = [f"{i}.example. 60 {'CNAME' if i % 2 else 'DNAME'} {i + 1}.example." for i in range(1000)]
    records = [Record.parse(text) for text in (*others, *steps, "n16.example. 60 A 192.0.2.1")]
    looks = []
    name = Record.name
    monkeypatch.setattr(Record, "name", property(lambda record: looks.append(1) or name.fget(record)))

    answer = Answer.from_records(Question.parse("n0.example"), records, now=NOW)

    assert (answer.name, len(answer.aliases)) == ("n16.example.", 16)
    assert len(looks) < 4 * len(records)


def test_asking_for_the_cname_itself() -> None:
    answer = answer_of("www.example.org", "CNAME", "www.example.org. 60 CNAME web.example.net.")
    assert (answer[0].target, answer.aliases, answer.name) == ("web.example.net.", (), "www.example.org.")


def test_any() -> None:
    answer = answer_of("example.org", "ANY", "example.org. 60 A 192.0.2.1", "example.org. 60 MX 10 mail.example.org.")
    assert [record.type.name for record in answer.records] == ["A", "MX"]


@pytest.mark.parametrize("rcode", [Rcode.NXDOMAIN, Rcode.NOERROR])
def test_empty_answers_live_as_the_soa_says(rcode: Rcode) -> None:
    answer = answer_of("no.example.org", "A", authority=(SOA,), rcode=rcode)
    assert (len(answer), bool(answer), answer.rcode, answer.expires) == (0, False, rcode, NOW + 60)
    assert answer.authority[0].data.minimum == 60


def test_empty_without_a_soa_is_not_to_be_kept() -> None:
    assert answer_of("no.example.org", "A").expires == NOW


def test_an_alias_to_nowhere() -> None:
    dangling = answer_of("www.example.org", "A", "www.example.org. 60 CNAME web.example.net.")
    assert dangling.dangling
    assert dangling.expires == NOW
    tail = answer_of("web.example.net", "A", "web.example.net. 20 A 192.0.2.5")
    whole = dangling.continued(tail)
    assert ([d.address for d in whole], whole.name, whole.expires) == (["192.0.2.5"], "web.example.net.", NOW + 20)
    assert not answer_of("w.example", "A", "w.example. 60 CNAME x.example.", authority=(SOA,)).dangling


def test_malformed_data_is_found_when_the_answer_is_made() -> None:
    question = Question.parse("example.org", "MX")
    message = Message(flags=Flag.QR, question=(question,), answer=(Record.parse("example.org. 60 MX 10 mail."),))
    wire = bytearray(message.to_wire())
    wire[-6:-5] = b"\xff"
    with pytest.raises(MessageFormatError):
        Answer.of(question, Message.parse(bytes(wire)), now=NOW)


def wire_with(owner: bytes, section: int) -> bytes:
    """A reply to `A example.org` with its address, and a nameserver of this owner in one of the three sections."""
    question = Question.parse("example.org")
    message = Message(flags=Flag.QR, question=(question,), answer=(Record.parse("example.org. 60 A 192.0.2.1"),))
    counts = [1 + (section == 0), int(section == 1), int(section == 2)]
    record = owner + struct.pack(">HHIH", 2, 1, 60, 2) + b"\xc0\x0c"
    return message.to_wire()[:6] + struct.pack(">HHH", *counts) + message.to_wire()[12:] + record


@pytest.mark.parametrize("section", [0, 1])
def test_owners_that_are_no_names_are_found_when_the_answer_is_made(section: int) -> None:
    for owner in (b"\xff\xff", b"\xc0\x0d", b"\1a\xc0\x2f"):
        with pytest.raises(MessageFormatError, match="no valid name"):
            Answer.of(Question.parse("example.org"), Message.parse(wire_with(owner, section)), now=NOW)


def test_who_answers_for_the_zone_is_decoded_when_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """An authoritative nameserver says so in every reply: its owner is part of the question's name."""
    with monkeypatch.context() as patch:
        for module in (aioresolver.wire.layout, aioresolver.wire.message):
            patch.setattr(module, "read_name", None)
        message = Message.parse(wire_with(b"\xc0\x14", 1))
        answer: Answer[Any] = Answer.of(Question.parse("example.org"), message, now=NOW)
    assert str(answer.authority[0]) == "org. 60 IN NS example.org."


def test_what_may_help_is_not_looked_at() -> None:
    answer: Answer[Any] = Answer.of(Question.parse("example.org"), Message.parse(wire_with(b"\xff\xff", 2)), now=NOW)
    assert ([str(data) for data in answer], answer.authority) == (["192.0.2.1"], ())
    with pytest.raises(MessageFormatError):
        _ = answer.message.additional


def test_rotation_leaves_the_answer_as_it_was() -> None:
    answer = answer_of("w.example", "A", *(f"w.example. 60 A 192.0.2.{i}" for i in range(3)))
    assert [str(d) for d in answer.rotated(1)] == ["192.0.2.1", "192.0.2.2", "192.0.2.0"]
    assert [str(r.data) for r in answer.rotated(5).records] == ["192.0.2.2", "192.0.2.0", "192.0.2.1"]
    assert [str(d) for d in answer] == ["192.0.2.0", "192.0.2.1", "192.0.2.2"]


def test_from_records() -> None:
    question = Question.parse("w.example")
    answer: Answer[Any] = Answer.from_records(question, [Record.parse("w.example. 60 A 192.0.2.1")], now=NOW)
    assert ([str(d) for d in answer], answer.expires) == (["192.0.2.1"], NOW + 60)
    empty: Answer[Any] = Answer.from_records(question, rcode=Rcode.NXDOMAIN, now=NOW, ttl=30)
    assert (empty.rcode, empty.expires, empty.message.rcode) == (Rcode.NXDOMAIN, NOW + 30, Rcode.NXDOMAIN)
    assert Message.parse(answer.message.to_wire()).answer == answer.records


def test_ttl_counts_down(run_virtual: Any) -> None:
    import asyncio

    async def main() -> list[int]:
        loop = asyncio.get_running_loop()
        answer: Answer[Any] = Answer.from_records(
            Question.parse("w.example"), [Record.parse("w.example. 60 A 192.0.2.1")], now=loop.time()
        )
        ttls = [answer.ttl]
        await asyncio.sleep(20)
        ttls.append(answer.ttl)
        await asyncio.sleep(100)
        return [*ttls, answer.ttl]

    assert run_virtual(main()) == [60, 40, 0]


# The short way to an answer, beside the long one


def the_long_way(question: Question, wire: bytes) -> Answer[Any]:
    """What `of` makes of it without the short way."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Answer, "of_plain", classmethod(lambda *_, **__: None))
        return Answer.of(question, Message.parse(wire), now=NOW, server="udp://192.0.2.53", elapsed=0.5)


def everything(answer: Answer[Any]) -> list[Any]:
    """All that can be seen of it; what is beside the addresses may be malformed, which shows when it is read."""
    authority: Any
    try:
        authority = list(map(str, answer.authority))
    except MessageFormatError as error:
        authority = str(error)
    return [
        answer.question,
        answer.rcode,
        answer.expires,
        answer.server,
        answer.attempts,
        answer.elapsed,
        bool(answer),
        answer.empty,
        answer.dangling,
        answer.data,
        [type(data) for data in answer],
        (len(answer), answer[0], answer[-1:], list(answer)),
        (answer.name, answer.aliases),
        answer.records,
        answer.rotated(1).data,
        authority,
        answer.edns,
        answer.extended_errors,
        answer.nsid,
        answer.authenticated,
    ]


def agree(question: Question, wire: bytes) -> bool:
    """That both ways lead to the same, if the short one leads anywhere; whether it does."""
    if not wire.startswith(question_section(question), 12):  # which is seen to before
        return False
    short: Answer[Any] | None = Answer.of_plain(question, wire, NOW, "udp://192.0.2.53", 0.5)
    if short is None:
        return False
    long = the_long_way(question, wire)
    assert everything(short) == everything(long), wire.hex()
    if not hop_options(long):
        assert short.message.wire == wire
    elif wire[-11:-8] != LOOKALIKE[:3]:
        assert not hop_options(short)
        assert len(short.message.wire or b"") < len(wire)
    return True


LOOKALIKE = b"\0\0\x29\x04\xd0\0\0\0\0\0\0"  # as OPT without options, but inside of an option


def hop_options(answer: Answer[Any]) -> bool:
    edns = answer.message.edns
    return edns is not None and edns != edns.without_hop_options()


NAMES = ["www.example.org", "a", "x.y.z.example", "_srv._tcp.example.com", "*.example", "a" * 63 + ".b", ".",
         r"a\.b.example", r"\000.example", "xn--bcher-kva.example", "a." * 126 + "a"]  # fmt: skip
ADDRESSES = {"A": ["192.0.2.1", "0.0.0.0", "255.255.255.255"], "AAAA": ["2001:db8::1", "::", "::ffff:192.0.2.1", "::1"]}


OPTIONS: list[tuple[tuple[int, bytes], ...]] = [
    (),
    ((10, b"8 bytes!"),),
    ((12, bytes(40)),),
    ((15, b"\0\x11adverts"), (10, b"8 bytes!"), (3, b"")),
    ((12, LOOKALIKE),),
]


def reply_wire(
    question: Question, addresses: list[str], ttls: list[int], *, more: tuple[int, int] = (0, 0), edns: Edns | None
) -> bytes:
    """A reply with these addresses, `more` records in the authority and the additional section, and EDNS."""
    owner = question.name
    zone = owner if owner == "." else owner.parent
    records = [
        Record.parse(f"{owner} {ttl} {question.type.name} {address}")
        for ttl, address in zip(ttls, addresses, strict=False)
    ]
    return Message(
        flags=Flag.QR | Flag.RA,
        question=(question,),
        answer=tuple(records),
        authority=tuple([Record.parse(f"{zone} 60 NS ns.example.")] * more[0]) if zone != "." else (),
        additional=tuple([Record.parse("ns.example. 60 A 192.0.2.53")] * more[1]),
        edns=edns,
    ).to_wire()


@given(st.data())
def test_the_short_way_is_the_long_way(data: st.DataObject) -> None:
    type_ = data.draw(st.sampled_from(["A", "AAAA"]))
    question = Question.parse(data.draw(st.sampled_from(NAMES)), type_)
    version = 4 if type_ == "A" else 6
    addresses = data.draw(st.lists(st.ip_addresses(v=version).map(str), min_size=1, max_size=5))
    ttls = data.draw(st.lists(st.integers(0, 2**31 - 1), min_size=5, max_size=5))
    more = data.draw(st.tuples(st.integers(0, 2), st.integers(0, 2)))
    options = data.draw(st.sampled_from(OPTIONS))
    edns = data.draw(st.sampled_from([None, Edns(options=options)]))
    wire = reply_wire(question, addresses, ttls, more=more, edns=edns)
    if data.draw(st.booleans()):
        position = data.draw(st.integers(0, len(wire) - 1))
        wire = wire[:position] + data.draw(st.binary(max_size=3)) + wire[position + data.draw(st.integers(0, 3)) :]

    agree(question, wire)


FRAGMENTS = [
    b"\xc0\x0c", b"\xc0\x00", b"\xc0\x0d", b"\xff\xff", b"\0", b"\1", b"\x29", b"\x80\0\0\0",
    b"\x00\x00\x29\x04\xd0\0\0\0\0\0\0",
    b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\1\2\3\4",
    b"\xc0\x0c\0\x1c\0\1\0\0\0\x3c\0\x10" + b"\1" * 16,
    b"\xc0\x0c\0\5\0\1\0\0\0\x3c\0\2\xc0\x0c",
    b"\1a\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\1\2\3\4",
    b"\xc0\x0c\0\x29\0\1\0\0\0\0\0\0",
]  # fmt: skip


def mutated(wire: bytes, chance: random.Random, start: int) -> bytes:
    """The same with a few bytes from `start` on, or in the header, changed, lost or added."""
    out = bytearray(wire)
    for _ in range(chance.choice((1, 1, 1, 2, 2, 3, 5))):
        near = chance.randrange(2, 12) if chance.random() < 0.3 else chance.randrange(start, max(start + 1, len(out)))
        how, fragment = chance.randrange(8), chance.choice(FRAGMENTS)
        if how == 0:
            out[near : near + 1] = bytes([chance.randrange(256)])
        elif how == 1:
            out[near : near + 1] = bytes([out[near] ^ 1 << chance.randrange(8)]) if near < len(out) else b""
        elif how == 2:
            del out[max(near, start) :]
        elif how == 3:
            out[max(near, start) : start] = fragment
        elif how == 4:
            out[max(near, start) : max(near, start) + len(fragment)] = fragment
        elif how == 5:
            del out[max(near, start) : max(near, start) + chance.randrange(1, 4)]
        else:  # one record more, and counted, or counted without being there
            count = chance.choice((7, 9, 11))
            out[count] = (out[count] + 1) & 255
            out += fragment if how == 6 else b""
    return bytes(out)


def seeds() -> Iterator[tuple[Question, bytes]]:
    for name in NAMES:
        for type_, addresses in ADDRESSES.items():
            question = Question.parse(name, type_)
            for count in (1, 2, 3):
                for more in ((0, 0), (1, 0), (0, 1), (1, 2)):
                    for edns in (None, *(Edns(options=options) for options in OPTIONS)):
                        yield question, reply_wire(question, addresses[:count], [60, 59, 61], more=more, edns=edns)


def test_the_short_way_believes_no_more_than_the_long_way() -> None:
    """Replies that were damaged in thousands of ways: what the short way takes for an answer, the long way does too."""
    chance = random.Random(20)
    whole = list(seeds())
    plain = [(question, wire) for question, wire in whole if agree(question, wire)]
    assert len(plain) > len(whole) // 3
    damaged = 0
    for _ in range(4000):
        question, wire = chance.choice(plain)
        damaged += agree(question, mutated(wire, chance, 12 + len(question_section(question))))
    assert damaged > 150  # still plain, in spite of it


@pytest.mark.parametrize(
    ("name", "type"), [(".", "A"), (".", "AAAA"), (r"a\.b.example", "A"), (r"\000.example", "A"), ("w.example", "MX")]
)
def test_where_the_short_way_is_not_gone(name: str, type: str) -> None:
    """The length of such a name's text is not that of its wire; the root has no label that a record could point to."""
    question = Question.parse(name, type)
    data = {"A": "192.0.2.1", "AAAA": "::1", "MX": "10 mail.example."}[type]
    message = Message(flags=Flag.QR, question=(question,), answer=(Record.parse(f"{question.name} 60 {type} {data}"),))
    wire = message.to_wire()
    assert Answer.of_plain(question, wire, NOW) is None
    answer: Answer[Any] = Answer.of(question, Message.parse(wire), now=NOW)
    assert [str(datum) for datum in answer] == [data]


def test_a_byte_too_many_behind_the_root() -> None:
    """The text of the root is as long as its wire, unlike that of every other name."""
    question = Question.parse(".")
    header = b"\0\0\x81\x80\0\1\0\1\0\0\0\0"
    address = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\xc0\0\2\1"
    for between in (b"", b"\0"):
        assert Answer.of_plain(question, header + question_section(question) + between + address, NOW) is None
    answer: Answer[Any] = Answer.of(question, Message.parse(header + question_section(question) + address), now=NOW)
    assert [str(data) for data in answer] == ["192.0.2.1"]


def test_too_many_records_are_no_answer() -> None:
    question = Question.parse("a.example")
    address = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\1\2\3\4"
    for answers, others in ((4096, 0), (4097, 0), (2049, 2048)):
        header = struct.pack(">HHHHHH", 0, 0x8180, 1, answers, 0, others)
        wire = header + question_section(question) + address * (answers + others)
        assert agree(question, wire) is (answers + others <= 4096)
    with pytest.raises(MessageFormatError, match="4096 records"):
        Message.parse(wire)


def test_an_answer_taken_the_short_way_changes_nothing_when_it_is_read() -> None:
    question = Question.parse("w.example")
    wire = reply_wire(question, ["192.0.2.1", "192.0.2.2"], [60, 50], edns=None)
    answer: Answer[Any] | None = Answer.of_plain(question, wire, NOW)
    assert answer is not None
    before = (answer.data, answer.name, answer.aliases, answer.expires, bool(answer), answer.empty)
    assert (str(answer.message.question[0]), len(answer.records)) == ("w.example. A", 2)
    assert (answer.data, answer.name, answer.aliases, answer.expires, bool(answer), answer.empty) == before
    assert (answer[0].address, answer[1:][0].address, answer.authority) == ("192.0.2.1", "192.0.2.2", ())


# What EDNS says


def told(
    *answer: str,
    rcode: Rcode = Rcode.NOERROR,
    edns: Edns | None = None,
    flags: Flag = Flag.QR,
    type: str = "A",
    authority: tuple[str, ...] = (SOA,),
) -> Answer[Any]:
    """The answer about `w.example.` in a reply with these records, from the wire."""
    question = Question.parse("w.example", type)
    message = Message(
        flags=flags,
        rcode=rcode,
        question=(question,),
        answer=tuple(map(Record.parse, answer)),
        authority=() if answer else tuple(map(Record.parse, authority)),
        edns=edns,
    )
    return Answer.of(question, Message.parse(message.to_wire()), now=NOW)


ADDRESS = "w.example. 60 A 192.0.2.1"
ALIAS = ("w.example. 60 CNAME v.example.", "v.example. 60 A 192.0.2.1")


@pytest.mark.parametrize("records", [(ADDRESS,), ALIAS, ()], ids=["plain", "alias", "absent"])
def test_what_the_nameserver_said_beside_the_answer(records: tuple[str, ...]) -> None:
    subnet = ClientSubnet(ip_network("192.0.2.0/24"), scope=20)
    edns = Edns().with_option(EdnsOption.NSID, b"machine 7").with_client_subnet(subnet).with_option(65001, b"?")
    edns = edns.with_extended_error(ExtendedError.FILTERED, "adverts").with_option(EdnsOption.COOKIE, bytes(24))
    answer = told(*records, edns=edns, flags=Flag.QR | Flag.AD)
    assert answer.edns == edns.without_hop_options()
    assert answer.edns is not None
    assert answer.edns.client_subnet == subnet
    assert answer.nsid == b"machine 7"
    assert answer.extended_errors == ((ExtendedError.FILTERED, "adverts"),)
    assert answer.authenticated
    assert not answer.stale


@pytest.mark.parametrize("records", [(ADDRESS,), ALIAS, ()], ids=["plain", "alias", "absent"])
@pytest.mark.parametrize("edns", [None, Edns(), Edns(options=((10, bytes(8)),))], ids=["none", "bare", "cookie"])
def test_nothing_was_said_beside_the_answer(records: tuple[str, ...], edns: Edns | None) -> None:
    answer = told(*records, edns=edns)
    assert answer.edns == (None if edns is None else Edns())
    assert (answer.nsid, answer.extended_errors, answer.authenticated) == (None, (), False)


def test_to_read_what_was_said_leaves_a_plain_answer_as_small_as_it_was() -> None:
    answer = told(ADDRESS, edns=Edns().with_option(EdnsOption.PADDING, bytes(400)))
    assert (answer.edns, answer.extended_errors, answer.nsid) == (Edns(), (), None)
    assert isinstance(answer._message, bytes)
    assert len(answer._message) < 60


def test_answers_that_came_otherwise_say_nothing() -> None:
    answer: Answer[Any] = Answer.from_records(Question.parse("w.example"), [Record.parse(ADDRESS)], now=NOW)
    assert (answer.edns, answer.extended_errors, answer.nsid, answer.authenticated) == (None, (), None, False)
    packed: Answer[Any] = Answer.from_addresses(Question.parse("w.example"), [(b"\1\2\3\4", 60)], now=NOW)
    assert (packed.edns, packed.extended_errors, packed.nsid, packed.authenticated) == (None, (), None, False)


SIGNATURE = "{} 60 RRSIG {} 13 2 60 20300101000000 20200101000000 1 example. c2lnbmF0dXJl"


def test_signatures_are_records_but_no_data() -> None:
    signatures = (SIGNATURE.format("w.example.", "A"), SIGNATURE.format("w.example.", "AAAA"))
    answer = told(ADDRESS, "w.example. 60 A 192.0.2.2", *signatures)
    assert [record.type.name for record in answer.records] == ["A", "A", "RRSIG"]
    assert [str(data) for data in answer] == ["192.0.2.1", "192.0.2.2"]
    assert (len(answer), len(answer.data)) == (2, 2)
    turned = answer.rotated(1)
    assert [record.type.name for record in turned.records] == ["A", "A", "RRSIG"]
    assert [str(data) for data in turned] == ["192.0.2.2", "192.0.2.1"]
    through = told(*ALIAS, SIGNATURE.format("w.example.", "CNAME"), SIGNATURE.format("v.example.", "A"))
    assert [record.type.name for record in through.records] == ["A", "RRSIG"]
    assert len(through.message.answer) == 4


def test_signatures_alone_are_no_answer() -> None:
    answer = told(SIGNATURE.format("w.example.", "A"))
    assert answer.empty
    assert not answer
    assert list(answer) == []


def test_signatures_may_be_what_is_asked_for() -> None:
    signatures = (SIGNATURE.format("w.example.", "A"), SIGNATURE.format("w.example.", "TXT"))
    for type_ in ("RRSIG", "ANY"):
        assert len(told(*signatures, type=type_).records) == len(told(*signatures, type=type_)) == 2


def test_a_continued_answer_is_as_authentic_as_its_less_authentic_half() -> None:
    for one, other in ((True, True), (True, False), (False, True)):
        head = told(ALIAS[0], flags=Flag.QR | (Flag.AD if one else Flag(0)))
        message = Message(flags=Flag.QR | (Flag.AD if other else Flag(0)), answer=(Record.parse(ALIAS[1]),))
        tail: Answer[Any] = Answer.of(Question.parse("v.example"), message, now=NOW)
        assert head.continued(tail).authenticated is (one and other)
