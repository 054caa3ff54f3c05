"""What is answered without asking anybody, and what is left for the DNS."""

from __future__ import annotations

import socket

import pytest

from aioresolver.system.config import SystemConfigFiles
from aioresolver.system.local import LOCAL_TTL, LocalNames, default_hosts_file
from aioresolver.wire.codes import Rcode, RRClass
from aioresolver.wire.message import Question
from aioresolver.wire.names import Name

HOSTS = """\
127.0.0.1 localhost
192.0.2.1 Web.test www.test
2001:db8::1 web.test
192.0.2.2 four.test
2001:db8::2 six.test
::1 loop.test
192.0.2.3 host_.test bad..name
"""
UNSPEC, FOUR, SIX = socket.AF_UNSPEC, socket.AF_INET, socket.AF_INET6


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "hosts"
    path.write_text(HOSTS)
    return path


@pytest.fixture
def local(file):
    return LocalNames(hosts_file=file)


def ask(local, name, type="A", now=0.0):
    """The data as text, the rcode when there is none, or None when it is not answered here."""
    answer = local.answer(Question.parse(name, type), now)
    if answer is None:
        return None
    return [str(data) for data in answer] or answer.rcode


def host(local, name, family=UNSPEC, now=0.0):
    return local.host(Name.parse(name), family, now)


@pytest.mark.parametrize(
    ("name", "type", "expected"),
    [
        ("web.test", "A", ["192.0.2.1"]),
        ("WEB.test.", "AAAA", ["2001:db8::1"]),
        ("www.test", "A", ["192.0.2.1"]),
        ("loop.test", "A", ["127.0.0.1"]),
        ("loop.test", "AAAA", ["::1"]),
        ("1.2.0.192.in-addr.arpa", "PTR", ["web.test.", "www.test."]),
        ("1.0.0.127.in-addr.arpa", "PTR", ["localhost."]),
        (Name.reverse("::1"), "PTR", ["loop.test."]),
        ("3.2.0.192.in-addr.arpa", "PTR", ["host_.test."]),
    ],
)
def test_the_hosts_file(local, name, type, expected):
    assert ask(local, name, type) == expected


@pytest.mark.parametrize(
    ("name", "type"),
    [
        ("other.test", "A"),
        ("www.test", "AAAA"),
        ("four.test", "AAAA"),
        ("six.test", "A"),
        ("web.test", "MX"),
        ("web.test", "PTR"),
        ("sub.web.test", "A"),
        ("9.2.0.192.in-addr.arpa", "PTR"),
        ("127.in-addr.arpa", "PTR"),
        ("notlocalhost", "A"),
        ("localhost.example", "A"),
        ("prevalid", "A"),
        ("notonion", "A"),
        ("invalid.example", "A"),
        ("1.2.0.192.in-addr.arpa", "TXT"),
    ],
)
def test_what_the_dns_is_asked(local, name, type):
    assert ask(local, name, type) is None


@pytest.mark.parametrize("hosts", [HOSTS, ""])
@pytest.mark.parametrize(
    ("name", "type", "expected"),
    [
        ("localhost", "A", ["127.0.0.1"]),
        ("localhost", "AAAA", ["::1"]),
        ("a.b.LOCALHOST.", "A", ["127.0.0.1"]),
        ("a.b.localhost", "AAAA", ["::1"]),
        ("localhost", "MX", Rcode.NOERROR),
        ("x.localhost", "HTTPS", Rcode.NOERROR),
        ("invalid", "A", Rcode.NXDOMAIN),
        ("a.b.invalid", "MX", Rcode.NXDOMAIN),
        ("onion", "A", Rcode.NXDOMAIN),
        ("duckduckgo.ONION", "AAAA", Rcode.NXDOMAIN),
        ("9.8.7.127.in-addr.arpa", "PTR", ["localhost."]),
    ],
)
def test_names_that_are_never_asked_for(file, hosts, name, type, expected):
    file.write_text(hosts)

    assert ask(LocalNames(hosts_file=file), name, type) == expected


def test_the_reverse_of_ipv6_loopback(file):
    file.write_text("")

    assert ask(LocalNames(hosts_file=file), Name.reverse("::1"), "PTR") == ["localhost."]


def test_another_class_is_none_of_its_business(local):
    assert local.answer(Question(Name.parse("localhost"), Question.parse("x").type, RRClass.CH), 0.0) is None


def test_an_answer_says_where_it_is_from_and_ends_soon(local):
    answer = local.answer(Question.parse("web.test"), 100.0)

    assert (answer.server, answer.expires, answer.name) == ("hosts", 100.0 + LOCAL_TTL, "web.test.")
    assert local.answer(Question.parse("x.localhost"), 100.0).server == "special"
    assert local.answer(Question.parse("x.invalid"), 100.0).expires == 100.0 + LOCAL_TTL


@pytest.mark.parametrize(
    ("name", "family", "expected"),
    [
        ("web.test", UNSPEC, ("Web.test", ("192.0.2.1", "2001:db8::1"))),
        ("www.test", UNSPEC, ("Web.test", ("192.0.2.1",))),
        ("web.test", FOUR, ("Web.test", ("192.0.2.1",))),
        ("web.test", SIX, ("web.test", ("2001:db8::1",))),
        ("four.test", UNSPEC, ("four.test", ("192.0.2.2",))),
        ("four.test", SIX, None),
        ("six.test", FOUR, None),
        ("loop.test", FOUR, ("loop.test", ("127.0.0.1",))),
        ("localhost", UNSPEC, ("localhost", ("127.0.0.1",))),
        ("localhost", SIX, ("localhost", ("::1",))),
        ("x.localhost", UNSPEC, ("x.localhost", ("127.0.0.1", "::1"))),
        ("x.invalid", UNSPEC, None),
        ("other.test", UNSPEC, None),
    ],
)
def test_a_host_as_getaddrinfo_finds_it(local, name, family, expected):
    assert host(local, name, family) == expected


def test_overrides_win_and_are_all_there_is(file):
    local = LocalNames(
        {"web.test": "192.0.2.99", "new.test": ["::2", "192.0.2.98"], "localhost": "192.0.2.97"}, hosts_file=file
    )

    assert ask(local, "web.test") == ["192.0.2.99"]
    assert ask(local, "web.test", "AAAA") is Rcode.NOERROR
    assert host(local, "web.test", SIX) == ("web.test", ())
    assert host(local, "new.test") == ("new.test", ("::2", "192.0.2.98"))
    assert ask(local, "localhost") == ["192.0.2.97"]
    assert ask(local, "web.test", "MX") is None
    assert ask(local, "www.test") == ["192.0.2.1"]
    assert local.answer(Question.parse("web.test"), 0.0).server == "overrides"


def test_overrides_of_a_port(file):
    local = LocalNames({"db.test:5432": ("127.0.0.1", 15432)}, hosts_file=file)

    assert local.redirect("DB.test", 5432) == (("127.0.0.1",), 15432)
    assert local.redirect("db.test", 80) is None
    assert local.redirect("not a name", 5432) is None
    assert ask(local, "db.test") is None
    assert LocalNames(hosts_file=file).redirect("db.test", 5432) is None


def test_a_change_of_the_file_is_seen_within_two_seconds(file, local):
    assert ask(local, "late.test", now=10.0) is None
    file.write_text("192.0.2.50 late.test\n")

    assert ask(local, "late.test", now=11.9) is None
    assert ask(local, "late.test", now=12.0) == ["192.0.2.50"]
    assert ask(local, "web.test", now=12.0) is None
    assert ask(local, "1.2.0.192.in-addr.arpa", "PTR", now=12.0) is None
    file.unlink()
    assert ask(local, "late.test", now=14.0) is None


@pytest.mark.parametrize("name", ["web.test", "x.invalid"])
def test_the_same_answer_is_given_until_the_next_look(local, name):
    question = Question.parse(name)
    first = local.answer(question, 10.0)

    assert local.answer(question, 11.0) is first
    assert local.answer(question, 12.0).expires == 12.0 + LOCAL_TTL


def test_what_is_remembered_is_bounded(local):
    for number in range(3000):
        assert ask(local, f"n{number}.localhost") == ["127.0.0.1"]

    assert len(local._remembered) <= 1024


def test_nsswitch_may_leave_the_hosts_file_out_and_take_it_in_again(tmp_path, file):
    nsswitch = tmp_path / "nsswitch.conf"
    nsswitch.write_text("hosts: dns")
    config = SystemConfigFiles(resolv_conf=tmp_path / "none", nsswitch_conf=nsswitch, environ={})
    local = LocalNames(config=config, hosts_file=file)

    assert ask(local, "web.test") is None
    assert ask(local, "localhost") == ["127.0.0.1"]
    nsswitch.write_text("hosts: files dns")
    assert ask(local, "web.test", now=2.0) == ["192.0.2.1"]
    nsswitch.write_text("hosts: dns files")
    assert ask(local, "web.test", now=4.0) is None


def test_making_one_reads_nothing(monkeypatch, file):
    monkeypatch.setattr("pathlib.Path.stat", None)

    LocalNames(hosts_file=file)


def test_where_the_file_is(monkeypatch):
    assert str(default_hosts_file()) == "/etc/hosts"
    monkeypatch.setattr("sys.platform", "win32")
    monkeypatch.setenv("SYSTEMROOT", "/windows")
    assert default_hosts_file() == r"/windows\System32\drivers\etc\hosts"
