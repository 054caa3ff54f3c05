"""Root hints from a file: as IANA writes it, and what is wrong in which line."""

from __future__ import annotations

import pytest

from aioresolver.backends.iterative.hints_file import parse_hints
from aioresolver.errors import ConfigurationError

NAMED_ROOT = """\
;       This file holds the information on root name servers
;       last update:     April 10, 2024
.                        3600000      NS    A.ROOT-SERVERS.NET.
A.ROOT-SERVERS.NET.      3600000      A     198.41.0.4
A.ROOT-SERVERS.NET.      3600000      AAAA  2001:503:ba3e::2:30
;
. 3600000 IN NS b.root-servers.net.  ; the other form
b.root-servers.net. IN A 170.247.170.2
unnamed. A 192.0.2.1
"""


def test_what_iana_publishes():
    assert parse_hints(NAMED_ROOT) == {
        "a.root-servers.net.": ("198.41.0.4", "2001:503:ba3e::2:30"),
        "b.root-servers.net.": ("170.247.170.2",),
    }


def test_an_address_may_have_a_port():
    assert parse_hints(". NS a.\na. A 127.0.0.1:5353\na. AAAA [::1]:5353") == {"a.": ("127.0.0.1:5353", "[::1]:5353")}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "hints need an NS record of the root"),
        (". NS a.root.", "hints need an NS record of the root"),
        ("a.root. A 192.0.2.1", "hints need an NS record of the root"),
        ("\n. MX 10 a.", "hints line 2: a line is `name"),
        (". 60 IN TXT a", "hints line 1: TXT of . has no place among root hints"),
        ("org. NS a.", "hints line 1: NS of org. has no place"),
        ("a..b A 192.0.2.1", "hints line 1: 'a..b' is not a domain name"),
    ],
)
def test_what_is_wrong(text, complaint):
    with pytest.raises(ConfigurationError) as error:
        parse_hints(text)
    assert str(error.value).startswith(complaint)
