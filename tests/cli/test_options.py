"""The resolver that a command line asks for."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from aioresolver.backends.stub import StubBackend
from aioresolver.cli.options import Way, make_resolver
from aioresolver.configured import ConfiguredBackend
from aioresolver.errors import ConfigurationError
from aioresolver.system.config import SystemConfigFiles
from aioresolver.transports.nameserver import Nameserver


@pytest.mark.parametrize("search", [True, False])
def test_names_as_they_are_are_asked_of_dns_alone(search: bool) -> None:
    backend = make_resolver([], backend="stub", timeout=1, search=search).backend
    assert isinstance(backend, ConfiguredBackend)
    assert (backend._fallback is not None) is search


@pytest.mark.parametrize(
    "words",
    [
        ["www.cli.test", "--timeout", "3", "@{}", "AAAA", "--short"],
        ["--short", "@{}", "--backend", "cares", "www.cli.test", "AAAA"],
        ["AAAA", "--short", "www.cli.test", "--timeout", "3", "@{}"],
    ],
)
def test_words_and_options_in_any_order(call: Any, server: Any, words: list[str]) -> None:
    done = call(*(word.format(server.nameserver) for word in words))
    assert (done.returncode, done.stdout, done.stderr) == (0, "2001:db8::1\n", "")


def test_bulk_takes_its_words_in_any_order_too(call: Any, server: Any, tmp_path: Any) -> None:
    (tmp_path / "names.txt").write_text("cli.test\n")
    done = call("bulk", "names.txt", "-t", "MX", f"@{server.nameserver}", "--quiet")
    assert (done.returncode, done.stderr) == (0, "")
    assert '"10 mail.cli.test."' in done.stdout


def test_a_family_keeps_the_rest_of_the_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIORESOLVER_NAMESERVERS", "127.0.0.1, ::1, tcp://127.0.0.2")
    backend = make_resolver([], backend="stub", timeout=1, way=Way(family=socket.AF_INET)).backend
    assert isinstance(backend, ConfiguredBackend)
    config = backend.files.current(0)
    assert list(map(str, config.nameservers)) == ["udp://127.0.0.1", "tcp://127.0.0.2"]
    assert backend.files.current(1000) is config
    whole = SystemConfigFiles().current(0)
    assert config == whole._replace(nameservers=config.nameservers)
    assert backend._fallback is None


def test_public_nameservers_of_a_family_are_paced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIORESOLVER_NAMESERVERS", "1.1.1.1, 2606:4700:4700::1111")
    made = make_resolver([], backend="stub", timeout=1, way=Way(family=socket.AF_INET6), polite=True).backend
    assert isinstance(made, StubBackend)
    assert [upstream.text for upstream in made.upstreams] == ["udp://[2606:4700:4700::1111]"]


def test_a_list_of_nameservers_in_one_word() -> None:
    backend = make_resolver(["tls://dns.test?address=127.0.0.1,::1,127.0.0.2"], backend="stub", timeout=1).backend
    assert isinstance(backend, StubBackend)
    assert list(map(str, backend.nameservers)) == [
        "tls://127.0.0.1#dns.test",
        "tls://[::1]#dns.test",
        "tls://127.0.0.2#dns.test",
    ]


def test_server_is_another_way_to_say_it(call: Any, server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIORESOLVER_NAMESERVERS", "tls://127.0.0.1:1")
    done = call("www.cli.test", "AAAA", "--short", "--server", server.nameserver)
    assert (done.returncode, done.stdout) == (0, "2001:db8::1\n")


def test_nothing_goes_out_in_clear_where_encryption_is_required(call: Any, server: Any) -> None:
    for words in (["www.cli.test"], ["www.cli.test", f"@{server.nameserver}"], ["bulk"]):
        done = call(*words, "--encryption", "required")
        assert (done.returncode, done.stdout) == (1, "")
        assert f"encryption='required' leaves no nameserver: {server.nameserver} is plain" in done.stderr
    assert server.queries == []


def test_where_encryption_is_required_it_may_be_discovered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIORESOLVER_NAMESERVERS", "127.0.0.1")
    way = Way("required", discover=True)
    backend = make_resolver([], backend="stub", timeout=1, way=way).backend
    assert isinstance(backend, ConfiguredBackend)
    backend = make_resolver(["127.0.0.1"], backend="stub", timeout=1, way=way).backend
    assert isinstance(backend, StubBackend)
    assert backend.upstreams == ()


def test_the_operating_system_would_ask_in_clear(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIORESOLVER_NAMESERVERS", "tls://127.0.0.1")
    backend = make_resolver([], backend="stub", timeout=1, way=Way("required")).backend
    assert isinstance(backend, ConfiguredBackend)
    assert backend._fallback is None


def test_what_a_stub_backend_is_told() -> None:
    assert Way().settings == {}
    bootstrap = Nameserver.parse_all("9.9.9.9")
    way = Way("plain", discover=True, bootstrap=bootstrap)
    assert way.settings == {"encryption": "plain", "discover": True, "bootstrap": bootstrap}


async def test_a_nameserver_given_by_name_is_reached_over_the_family() -> None:
    open_transport = Way(family=socket.AF_INET6).settings["open_transport"]
    await open_transport(Nameserver.parse("tls://::1#dns.test")).aclose()
    with pytest.raises(ConfigurationError, match=r"127\.0\.0\.1 is not an IPv6 address"):
        open_transport(Nameserver.parse("tls://127.0.0.1#dns.test"))


@pytest.mark.parametrize("words", [["--encryption", "plain"], ["--discover"], ["--bootstrap", "9.9.9.9"]])
def test_only_our_own_client_has_a_choice(call: Any, words: list[str]) -> None:
    done = call("www.cli.test", "--backend", "cares", *words)
    assert (done.returncode, done.stdout) == (1, "")
    assert "--encryption, --discover and --bootstrap need the stub backend: leave out --backend cares" in done.stderr
