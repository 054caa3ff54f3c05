from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aioresolver.backends.iterative.scrub import EndlessAliases, Kind, is_askable, read_reply
from aioresolver.errors import MessageFormatError
from aioresolver.wire.codes import Flag, Rcode
from aioresolver.wire.message import Message, Question, Record
from aioresolver.wire.names import Name

SOA = "example. SOA ns.example. h.example. 1 2 3 4 5"


def read(question, zone, *, answer=(), authority=(), additional=(), rcode=Rcode.NOERROR, aa=True, kept=20):
    asked = Question.parse(*question.split())
    sections = {"answer": answer, "authority": authority, "additional": additional}
    made = {name: [Record.parse(text, ttl=60) for text in texts] for name, texts in sections.items()}
    message = Message.query(asked).reply(rcode=rcode, flags=Flag.AA if aa else 0, **made)
    return read_reply(message, asked, Name(zone), kept=kept)


def shown(reading):
    return [f"{record.name} {record.type} {record.data}" for record in reading.records]


def dropped(reading):
    return [str(each[0]).split(" 60 IN ")[0] for each in reading.dropped]


def test_an_answer():
    reading = read("www.example. A", "example.", answer=["www.example. A 10.0.0.1", "www.example. A 10.0.0.2"])

    assert reading.kind is Kind.ANSWER
    assert shown(reading) == ["www.example. A 10.0.0.1", "www.example. A 10.0.0.2"]
    assert reading.dropped == []


def test_what_was_not_asked_for_is_dropped():
    reading = read("www.example. A", "example.", answer=["other.example. A 10.6.6.6", "www.example. A 10.0.0.1"])

    assert shown(reading) == ["www.example. A 10.0.0.1"]
    assert dropped(reading) == ["other.example."]
    assert reading.dropped[0][1] == "not asked for"


def test_what_is_outside_of_the_zone_is_dropped():
    reading = read("www.example. A", "example.", answer=["www.example. CNAME x.victim.", "x.victim. A 10.6.6.6"])

    assert (reading.kind, reading.name) == (Kind.ALIAS, "x.victim.")
    assert shown(reading) == ["www.example. CNAME x.victim."]
    assert dropped(reading) == ["x.victim."]


def test_records_of_another_class_are_dropped():
    reading = read("www.example. A", "example.", answer=["www.example. CH TXT x"])

    assert reading.kind is Kind.LAME


@pytest.mark.parametrize("zone", [".", "example.", "www.example."])
def test_an_answer_of_a_server_above_is_believed(zone):
    assert read("www.example. A", zone, answer=["www.example. A 10.0.0.1"]).kind is Kind.ANSWER


def test_a_chain_within_the_zone():
    answer = ["b.example. CNAME c.example.", "a.example. CNAME b.example.", "c.example. A 10.0.0.1"]
    reading = read("a.example. A", "example.", answer=answer)

    assert reading.kind is Kind.ANSWER
    assert [text.split()[0] for text in shown(reading)] == ["a.example.", "b.example.", "c.example."]


def test_a_second_alias_of_one_name_is_dropped():
    reading = read("a.example. A", "example.", answer=["a.example. CNAME b.x.", "a.example. CNAME c.x."])

    assert reading.name == "b.x."
    assert dropped(reading) == ["a.example."]


def test_a_chain_that_goes_round():
    with pytest.raises(EndlessAliases, match="lead in a circle"):
        read("a.example. A", "example.", answer=["a.example. CNAME b.example.", "b.example. CNAME a.example."])


def test_a_chain_that_is_too_long():
    chain = [f"{number}.example. CNAME {number + 1}.example." for number in range(20)]
    with pytest.raises(EndlessAliases, match="more than 16"):
        read("0.example. A", "example.", answer=chain)


def test_a_chain_that_ends_in_nothing():
    reading = read("a.example. A", "example.", answer=["a.example. CNAME b.example."], authority=[SOA])
    assert (reading.kind, reading.name, len(reading.soa)) == (Kind.NO_DATA, "b.example.", 1)
    gone = read(
        "a.example. A", "example.", answer=["a.example. CNAME b.example."], authority=[SOA], rcode=Rcode.NXDOMAIN
    )
    assert gone.kind is Kind.NO_NAME


def test_a_chain_that_ends_below_a_zone_cut():
    reading = read(
        "a.example. A", "example.", answer=["a.example. CNAME b.c.example."], authority=["c.example. NS ns.x."]
    )

    assert (reading.kind, reading.name) == (Kind.ALIAS, "b.c.example.")


def test_nxdomain_beside_an_alias_that_leads_elsewhere_is_not_about_the_target():
    reading = read("a.example. A", "example.", answer=["a.example. CNAME b.x."], authority=[SOA], rcode=Rcode.NXDOMAIN)

    assert (reading.kind, reading.name) == (Kind.ALIAS, "b.x.")


def test_dname_makes_the_alias_itself():
    answer = ["t.example. DNAME u.example.", "a.t.example. CNAME forged.example.", "a.u.example. A 10.0.0.1"]
    reading = read("a.t.example. A", "example.", answer=answer)

    assert shown(reading) == [
        "t.example. DNAME u.example.",
        "a.t.example. CNAME a.u.example.",
        "a.u.example. A 10.0.0.1",
    ]
    assert "a.t.example." in dropped(reading)


def test_dname_is_an_answer_to_who_asks_for_the_cname():
    reading = read("a.t.example. CNAME", "example.", answer=["t.example. DNAME u.example."])

    assert reading.kind is Kind.ANSWER
    assert shown(reading)[-1] == "a.t.example. CNAME a.u.example."


def test_dname_at_the_name_itself_and_above_the_zone_say_nothing():
    assert read("t.example. A", "example.", answer=["t.example. DNAME u.example."]).kind is Kind.LAME
    assert read("a.t.example. A", "t.example.", answer=["example. DNAME u."]).kind is Kind.LAME


def test_dname_that_makes_too_long_a_name():
    name = ".".join(["x" * 60] * 3)
    with pytest.raises(MessageFormatError, match="impossible"):
        read(f"{name}.t.example. A", "example.", answer=[f"t.example. DNAME {name}.{'y' * 60}.example."])
    assert "YXDOMAIN" in read("a.example. A", "example.", rcode=Rcode.YXDOMAIN).why


@pytest.mark.parametrize(
    ("rcode", "kind"), [(Rcode.NOERROR, Kind.NO_DATA), (Rcode.NXDOMAIN, Kind.NO_NAME)], ids=["no data", "no name"]
)
def test_absence(rcode, kind):
    reading = read("www.example. A", "example.", authority=[SOA], rcode=rcode)

    assert (reading.kind, len(reading.soa)) == (kind, 1)


@pytest.mark.parametrize("soa", [SOA.replace("example.", ".", 1), SOA.replace("example.", "other.example.", 1)])
def test_the_soa_of_a_zone_that_the_name_is_not_in_or_the_server_not_of_is_dropped(soa):
    reading = read("www.example. A", "example.", authority=[soa], rcode=Rcode.NXDOMAIN)

    assert (reading.kind, reading.soa) == (Kind.NO_NAME, ())
    assert len(reading.dropped) == 1


def test_a_referral():
    reading = read(
        "www.sub.example. A", "example.", aa=False,
        authority=["sub.example. NS ns1.sub.example.", "sub.example. NS ns.other.", "sub.example. NS ns.sib.example."],
        additional=["ns1.sub.example. A 10.0.0.1", "ns.other. A 10.6.6.6", "ns.sib.example. AAAA fd00::1",
                    "www.victim. A 10.6.6.6", "ns1.sub.example. TXT x"],
    )  # fmt: skip

    assert (reading.kind, reading.cut, reading.ttl) == (Kind.REFERRAL, "sub.example.", 60)
    assert reading.names == ["ns1.sub.example.", "ns.other.", "ns.sib.example."]
    assert reading.glue == {"ns1.sub.example.": ["10.0.0.1"], "ns.sib.example.": ["fd00::1"]}
    assert sorted(dropped(reading)) == ["ns.other.", "www.victim."]


@pytest.mark.parametrize(
    ("owner", "why"),
    [
        ("example.", "refers to itself"),
        (".", "refers upwards or sideways, to ."),
        ("victim.", "refers upwards or sideways, to victim."),
        ("other.example.", "refers upwards or sideways, to other.example."),
    ],
)
def test_a_referral_that_leads_nowhere_is_lame(owner, why):
    reading = read("www.example. A", "example.", aa=False, authority=[f"{owner} NS ns.evil."])

    assert (reading.kind, reading.why) == (Kind.LAME, why)
    assert len(reading.dropped) == 1


def test_of_a_referral_to_two_zones_one_is_followed():
    authority = ["b.example. NS ns.x.", "a.b.example. NS ns.y."]
    reading = read("www.a.b.example. A", "example.", aa=False, authority=authority)

    assert (reading.cut, reading.names) == ("b.example.", ["ns.x."])
    assert dropped(reading) == ["a.b.example."]


def test_so_many_nameservers_are_kept_those_with_addresses_first():
    authority = [f"sub.example. NS n{number}.sub.example." for number in range(50)]
    reading = read(
        "www.sub.example. A", "example.", authority=authority, additional=["n49.sub.example. A 10.0.0.1"], kept=13
    )

    assert len(reading.names) == 13
    assert "n49.sub.example." in reading.names
    assert len(reading.dropped) == 37


def test_so_many_addresses_of_one_nameserver_are_kept():
    additional = [f"ns.sub.example. A 10.0.0.{number}" for number in range(50)]
    reading = read(
        "www.sub.example. A", "example.", authority=["sub.example. NS ns.sub.example."], additional=additional
    )

    assert len(reading.glue["ns.sub.example."]) == 20
    assert len(reading.dropped) == 30


def test_ns_beside_an_answer_is_not_even_looked_at():
    reading = read(
        "www.example. A", "example.",
        answer=["www.example. A 10.0.0.1"], authority=["example. NS ns.evil."], additional=["ns.evil. A 10.6.6.6"],
    )  # fmt: skip

    assert reading.kind is Kind.ANSWER
    assert reading.names == []
    assert reading.glue == {}


def test_a_referral_for_ds_at_the_cut_means_that_there_is_none():
    assert read("sub.example. DS", "example.", aa=False, authority=["sub.example. NS ns.x."]).kind is Kind.NO_DATA


def test_nothing_at_all():
    assert read("www.example. A", "example.", aa=True).kind is Kind.NO_DATA
    assert read("www.example. A", "example.", aa=False).kind is Kind.LAME


def test_other_types_in_the_authority_section_are_dropped():
    reading = read("www.example. A", "example.", authority=[SOA, "victim. MX 10 evil."])

    assert reading.kind is Kind.NO_DATA
    assert dropped(reading) == ["victim."]


@pytest.mark.parametrize(
    ("address", "askable"),
    [("10.0.0.1", True), ("127.0.0.1", True), ("fd00::1", True), ("0.0.0.0", False), ("0.1.2.3", False), ("::", False),
     ("224.0.0.1", False), ("ff02::1", False), ("255.255.255.255", False)],
)  # fmt: skip
def test_addresses_that_can_be_asked(address, askable):
    assert is_askable(address) is askable


NAMES = st.sampled_from(["example.", "www.example.", "sub.example.", "a.sub.example.", "victim.", "x.victim.", "."])
RECORDS = st.builds(
    lambda owner, kind, target: f"{owner} {kind} {target if kind not in ('A', 'SOA') else '10.6.6.6'}".replace(
        "SOA 10.6.6.6", "SOA ns.example. h.example. 1 2 3 4 5"
    ),
    NAMES,
    st.sampled_from(["A", "NS", "CNAME", "DNAME", "SOA"]),
    NAMES,
)


@given(
    answer=st.lists(RECORDS, max_size=5),
    authority=st.lists(RECORDS, max_size=5),
    additional=st.lists(RECORDS, max_size=3),
    aa=st.booleans(),
    name=NAMES,
    rcode=st.sampled_from([Rcode.NOERROR, Rcode.NXDOMAIN]),
)
def test_nothing_outside_of_the_zone_is_ever_believed(*, answer, authority, additional, aa, name, rcode):
    zone = Name("example.")
    try:
        reading = read(f"{name} A", zone, answer=answer, authority=authority, additional=additional, aa=aa, rcode=rcode)
    except MessageFormatError:
        return
    assert all(record.name.is_under(zone) for record in (*reading.records, *reading.soa))
    assert all(name.is_under(zone) for name in reading.glue)
    if reading.kind is Kind.REFERRAL:
        assert reading.cut != zone
        assert reading.cut.is_under(zone)
        assert Name(name).is_under(reading.cut)
        assert set(reading.glue) <= set(reading.names)
