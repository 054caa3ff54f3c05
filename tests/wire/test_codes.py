"""Codes: open sets of numbers with the names of IANA."""

from __future__ import annotations

import copy
import pickle

import dns.edns
import dns.flags
import dns.opcode
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import pytest

from aioresolver.wire.codes import EdnsOption, ExtendedError, Flag, Opcode, Rcode, RRClass, RRType

SETS = [EdnsOption, ExtendedError, Opcode, Rcode, RRClass, RRType]
LARGEST = {Opcode: 15, Rcode: 4095}


@pytest.mark.parametrize("codes", SETS)
def test_a_number_without_a_name_is_a_member_named_by_it(codes):
    number = LARGEST.get(codes, 0xFFFF)
    member = codes(number)

    assert type(member) is codes
    assert member == number
    assert hash(member) == hash(number)
    assert str(member) == repr(member) == member.name
    assert member.name.endswith(str(number))
    assert codes.parse(member.name) == codes.parse(str(number)) == member == codes.of(number)
    assert pickle.loads(pickle.dumps(member)) == copy.deepcopy(member) == member
    assert number not in list(codes)
    assert codes.of(number) is codes(number) is member
    assert not hasattr(member, "_prefix_")


@pytest.mark.parametrize("codes", SETS)
def test_every_name_leads_to_its_member(codes):
    for member in codes:
        assert codes(member.value) is codes.of(int(member)) is codes.parse(member.name.lower()) is member
        assert pickle.loads(pickle.dumps(member)) is member
        assert str(member) == member.name == repr(member)
        assert f"{member}" == member.name


@pytest.mark.parametrize("codes", SETS)
def test_what_is_out_of_range_is_no_member(codes):
    for value in (-1, LARGEST.get(codes, 0xFFFF) + 1, "A?", None):
        with pytest.raises(ValueError, match=codes.__name__):
            codes(value)


@pytest.mark.parametrize("text", ["", "NOPE", "TYPE", "TYPE65536", "65536", "-1", "1.0", "²", "TYPE٣"])
def test_text_that_is_no_type_is_refused_with_a_hint(text):
    with pytest.raises(ValueError, match="give a name such as A, or a number"):
        RRType.parse(text)


def test_one_name_is_no_name_in_python():
    assert str(RRType.NSAP_PTR) == RRType.NSAP_PTR.name == "NSAP-PTR"
    assert RRType.parse("nsap-ptr") is RRType.parse("NSAP_PTR") is RRType(23) is RRType.NSAP_PTR
    assert pickle.loads(pickle.dumps(RRType.NSAP_PTR)) is RRType.NSAP_PTR


@pytest.mark.parametrize("text", ["MX", "mx", " mx ", "15", "TYPE15", "type15"])
def test_a_type_is_written_in_many_ways(text):
    assert RRType.parse(text) is RRType.MX


def rrtype_of_dnspython(code):
    """Dnspython leaves out some obsolete names, and `TYPE31` is its name for them."""
    text = dns.rdatatype.to_text(int(code))
    return code if text == f"TYPE{code.value}" else dns.rdatatype.from_text(code.name)


def test_the_numbers_are_those_of_dnspython():
    assert {code.name: code for code in RRType} == {code.name: rrtype_of_dnspython(code) for code in RRType}
    assert {str(RRType(code)): code for code in dns.rdatatype.RdataType if code} == {
        dns.rdatatype.to_text(code): code for code in dns.rdatatype.RdataType if code
    }
    assert {code.name: code for code in RRClass} == {code.name: dns.rdataclass.from_text(code.name) for code in RRClass}
    assert {code.name: code for code in Opcode} == {code.name: dns.opcode.from_text(code.name) for code in Opcode}
    assert {code.name: code for code in Rcode} == {code.name: dns.rcode.from_text(code.name) for code in Rcode}
    assert {code.name: code for code in Flag} == {code.name: dns.flags.from_text(code.name) for code in Flag}
    assert {code.value for code in dns.edns.EDECode} <= set(map(int, ExtendedError))
    assert {getattr(dns.edns, name): getattr(dns.edns, name) for name in ("NSID", "ECS", "COOKIE", "PADDING")} == {
        EdnsOption.NSID: 3,
        EdnsOption.CLIENT_SUBNET: 8,
        EdnsOption.COOKIE: 10,
        EdnsOption.PADDING: 12,
    }
    assert EdnsOption.EXTENDED_ERROR == dns.edns.EDE
