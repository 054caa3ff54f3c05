"""What a walk tells of itself, in words."""

from __future__ import annotations

import pytest

from aioresolver.backends.iterative.delegations import FOREVER, Delegation, Trust
from aioresolver.backends.iterative.scrub import read_reply
from aioresolver.backends.iterative.telling import believed_of, in_words, known_in_words
from aioresolver.wire.codes import Flag, Rcode
from aioresolver.wire.message import Message, Question, Record
from aioresolver.wire.names import Name

QUESTION = Question.parse("www.example.org")
SOA = "org. 60 IN SOA ns.org. host.org. 1 1 1 1 1"


def told(*, rcode=Rcode.NOERROR, flags=Flag.AA, **sections):
    made = {section: tuple(map(Record.parse, records)) for section, records in sections.items()}
    message = Message(flags=flags, rcode=rcode, question=(QUESTION,), **made)
    reading = read_reply(message, QUESTION, Name("org."))
    return in_words(reading), [str(record) for record in believed_of(reading, message)]


def test_a_referral_believes_the_nameservers_and_their_glue():
    names = ["example.org. 60 IN NS a.org.", "example.org. 60 IN NS b.net."]
    glue = ["a.org. 60 IN A 192.0.2.1", "a.org. 60 IN AAAA 2001:db8::1"]
    other = ["b.net. 60 IN A 192.0.2.2", "c.org. 60 IN A 192.0.2.3"]
    words, believed = told(authority=names, additional=glue + other)
    assert words == "referral to example.org.: 2 nameservers, 2 addresses"
    assert believed == names + glue


@pytest.mark.parametrize(
    ("sections", "words"),
    [
        ({"answer": ["www.example.org. 60 IN A 192.0.2.1"]}, "1 record"),
        ({"answer": ["www.example.org. 60 IN A 192.0.2.1", "www.example.org. 60 IN A 192.0.2.2"]}, "2 records"),
        ({"answer": ["www.example.org. 60 IN CNAME www.net."]}, "alias to www.net."),
        ({"authority": [SOA]}, "no records of this type"),
        ({"authority": [SOA], "rcode": Rcode.NXDOMAIN}, "no such name"),
        ({"authority": ["org. 60 IN NS a.org."], "flags": 0}, "refers to itself"),
    ],
)
def test_other_replies(sections, words):
    assert told(**sections)[0] == words


@pytest.mark.parametrize(
    ("trust", "names", "words"),
    [
        (Trust.HINT, "ab", "by hint: a. b."),
        (Trust.REFERRAL, "a", "known for another 60 s: a."),
        (Trust.PRIMED, "abcdef", "known for another 60 s: a. b. c. d. and 2 more"),
        (Trust.CONFIGURED, "a", "configured: 192.0.2.1 2001:db8::1"),
    ],
)
def test_from_where_a_zone_is_known(trust, names, words):
    servers = [Name(f"{letter}.") for letter in names]
    expires = 160.0 if trust in (Trust.REFERRAL, Trust.PRIMED) else FOREVER
    cut = Delegation(Name("org."), servers, {servers[0]: ["192.0.2.1", "2001:db8::1"]}, expires=expires, trust=trust)
    assert known_in_words(cut, 100.0) == words
