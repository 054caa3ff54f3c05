"""OsFallback: which names the operating system is asked for, when, and who is believed."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from typing import Any

import pytest

from aioresolver.answer import Answer
from aioresolver.errors import Attempt, LookupTimeout, ServerFailure
from aioresolver.os_fallback import OsFallback, Turf
from aioresolver.system.config import SystemConfig
from aioresolver.system.resolv_conf import ResolvConf
from aioresolver.transports.nameserver import Nameserver
from aioresolver.wire.codes import Rcode
from aioresolver.wire.message import Question, Record
from aioresolver.wire.names import Name

SERVER = "udp://127.0.0.9"
NEVER = float("-inf")

PUBLIC = Question.parse("www.example.org")


def config(*order: str, search: tuple[str, ...] = (), source: str = "/etc/resolv.conf") -> SystemConfig:
    conf = ResolvConf(nameservers=("127.0.0.9",), search=search)
    return SystemConfig.of(conf, order or ("files", "dns"), source)


def ask(name: str, type: str = "A") -> Question:
    if type == "PTR" and not name.endswith("arpa"):
        name = Name.reverse(name)
    return Question.parse(name, type)


# ---- which names


@pytest.mark.parametrize(
    ("name", "type", "search", "asked"),
    [
        ("db", "A", (), True),
        ("db", "AAAA", ("corp.example",), True),
        ("printer.local", "A", (), True),
        ("printer.local", "A", ("local",), True),
        ("nas.lan", "A", (), True),
        ("nas.lan", "A", ("lan",), False),
        ("nas.home.arpa", "A", (".",), True),
        ("host.docker.internal", "A", (), True),
        ("shop.test", "A", (), True),
        ("www.google.com.default.svc.cluster.local", "A", ("default.svc.cluster.local", "cluster.local"), False),
        ("www.example.org", "A", (), False),
        ("www.corp.example", "A", ("corp.example",), False),
        ("mylocal.example", "A", (), False),
        ("192.168.1.2", "PTR", (), True),
        ("100.64.0.7", "PTR", (), True),
        ("fe80::1", "PTR", (), True),
        ("8.8.8.8", "PTR", (), False),
        ("10.in-addr.arpa", "PTR", (), False),
        (".", "A", (), False),
        (r"we\.ird", "A", (), False),
    ],
)
def test_whose_nxdomain_is_not_the_last_word(name: str, type: str, search: tuple[str, ...], asked: bool) -> None:
    assert Turf.of(config(search=search)).has(ask(name, type)) is asked


@pytest.mark.parametrize(
    ("order", "everything", "alone"),
    [
        (("files", "dns"), False, False),
        (("files", "mdns4_minimal", "dns", "mymachines"), False, False),
        (("files", "myhostname", "wins", "dns"), False, False),
        (("files", "resolve", "dns"), True, False),
        (("files", "dns", "nis"), True, False),
        (("files", "mdns4_minimal", "ldap", "dns"), True, False),
        (("dns",), False, False),
        (("files",), False, True),
        (("files", "resolve"), True, True),
    ],
)
def test_what_nsswitch_conf_makes_of_it(order: tuple[str, ...], everything: bool, alone: bool) -> None:
    turf = Turf.of(config(*order))
    assert (turf.asked, turf.everything, turf.alone) == (True, everything, alone)
    assert turf.has(PUBLIC) is everything


def test_other_platforms_have_sources_of_their_own() -> None:
    assert Turf.of(config()._replace(needs_os_fallback=True)).has(PUBLIC)


@pytest.mark.parametrize(
    ("question", "served_at", "source", "order", "concerned"),
    [
        (PUBLIC, NEVER, "/etc/resolv.conf", (), True),
        (PUBLIC, 95.0, "/etc/resolv.conf", (), False),
        (PUBLIC, 85.0, "/etc/resolv.conf", (), True),
        (PUBLIC, 95.0, "/etc/resolv.conf", ("files",), True),
        (ask("db"), 95.0, "/etc/resolv.conf", (), True),
        (ask("db"), NEVER, "$AIORESOLVER_NAMESERVERS", (), False),
        (ask("db"), NEVER, "$AIORESOLVER_NAMESERVERS", ("files", "nis"), False),
        (ask("db", "MX"), NEVER, "/etc/resolv.conf", ("files", "nis"), False),
        (Question.parse("db")._replace(class_=3), NEVER, "/etc/resolv.conf", (), False),
    ],
)
def test_which_lookups_it_is_in_the_way_of(
    question: Question, served_at: float, source: str, order: tuple[str, ...], concerned: bool
) -> None:
    fallback = OsFallback(lambda: pytest.fail("nobody asked"), lambda: served_at)
    assert fallback.concerns(question, config(*order, source=source), 100.0) is concerned


# ---- the lookup


class Scripted:
    """A backend that says what it is told to, after a while; None is silence until the deadline."""

    def __init__(self, server: str, says: Callable[[Question], Any], after: float = 0.1) -> None:
        self.server = server
        self.says = says
        self.after = after
        self.asked: list[tuple[Question, float]] = []
        self.left: list[Question] = []
        self.closed = False

    async def query(self, question: Question, deadline: float) -> Answer[Any]:
        loop = asyncio.get_running_loop()
        began = loop.time()
        self.asked.append((question, began))
        said = self.says(question)
        try:
            await asyncio.sleep(self.after if said is not None else deadline - began)
        except asyncio.CancelledError:
            self.left.append(question)
            raise
        elapsed = loop.time() - began
        transport = "udp" if self.server == SERVER else "system"
        name, type_ = str(question.name), question.type.name
        if said is None:
            tried = (Attempt(self.server, transport, "no reply", elapsed),)
            raise LookupTimeout(name, type_, "no answer", attempts=tried)
        if isinstance(said, Exception):
            raise said
        if said == "closed":
            raise ServerFailure(name, type_, "the backend was closed")
        is_zone = any(f" {kind} " in said for kind in ("A", "CNAME", "PTR"))
        if not is_zone and said not in ("NXDOMAIN", "NOERROR"):
            tried = (Attempt(self.server, transport, said, elapsed),)
            raise ServerFailure(name, type_, "no nameserver could answer", attempts=tried)
        records = [Record.parse(line) for line in said.split(";")] if is_zone else []
        rcode = Rcode.NXDOMAIN if said == "NXDOMAIN" else Rcode.NOERROR
        soa = [Record.parse(". 900 SOA a. b. 1 2 3 4 900")] if transport == "udp" and not records else []
        return Answer.from_records(
            question, records, rcode=rcode, authority=soa, ttl=None if transport == "udp" else 60,
            now=began, server=self.server, elapsed=elapsed,
        )  # fmt: skip

    def submit(self, question: Question, deadline: float) -> asyncio.Future[Answer[Any]]:
        return asyncio.ensure_future(self.query(question, deadline))

    async def aclose(self) -> None:
        self.closed = True


class Scene:
    """A fallback between a scripted DNS and a scripted operating system."""

    def __init__(self, dns: Any, system: Any, *, after: float = 0.1, system_after: float = 0.1, **options: Any) -> None:
        say = lambda said: said if callable(said) else lambda _: said
        self.dns = Scripted(SERVER, say(dns), after)
        self.system = Scripted("getaddrinfo", say(system), system_after)
        self.served_at = NEVER
        self.fallback = OsFallback(lambda: self.system, lambda: self.served_at)
        self.config = config(*options.get("order", ()), search=options.get("search", ()))

    async def look_up(self, name: str, type: str = "A", *, timeout: float = 5.0) -> Any:
        """The answer or the error."""
        loop = asyncio.get_running_loop()
        self.began = loop.time()
        assert self.fallback.concerns(ask(name, type), self.config, self.began)
        try:
            return await self.fallback.submit(ask(name, type), self.began + timeout, self.dns.submit)
        except (ServerFailure, LookupTimeout) as error:
            return error
        finally:
            self.took = loop.time() - self.began


@pytest.fixture
def look_up(run_virtual: Any) -> Any:
    """Look up one name in a scene, under virtual time."""

    def look_up(scene: Scene, name: str, type: str = "A") -> Any:
        return run_virtual(scene.look_up(name, type))

    return look_up


def outcomes(end: Any) -> list[tuple[str, str]]:
    return [(attempt.server, attempt.outcome) for attempt in end.attempts]


def data(answer: Any) -> list[str]:
    return [str(each) for each in answer]


def test_what_dns_answers_is_believed_and_nobody_else_asked(look_up: Any) -> None:
    for said in ("db. 300 A 192.0.2.1", "NOERROR"):
        scene = Scene(said, "db. 60 A 192.0.2.9")
        answer = look_up(scene, "db")
        assert (answer.server, scene.system.asked) == (SERVER, [])


def test_a_private_name_that_dns_does_not_know(look_up: Any) -> None:
    scene = Scene("NXDOMAIN", "printer.local. 60 A 192.168.1.7")
    answer = look_up(scene, "printer.local")
    assert (data(answer), answer.server, answer.rcode) == (["192.168.1.7"], "getaddrinfo", Rcode.NOERROR)
    assert outcomes(answer) == [(SERVER, "NXDOMAIN")]
    assert answer.attempts[0].transport == "udp"
    assert len(scene.system.asked) == 1


def test_a_public_name_that_dns_does_not_know_bothers_nobody(look_up: Any) -> None:
    for said in ("NXDOMAIN", "SERVFAIL", "SERVFAIL (DNSSEC_BOGUS)"):
        scene = Scene(said, "www.example.org. 60 A 192.0.2.9")
        end = look_up(scene, "www.example.org")
        assert (len(outcomes(end)), scene.system.asked) == (0 if said == "NXDOMAIN" else 1, [])


@pytest.mark.parametrize("said", ["REFUSED", "Connection refused"])
def test_a_public_name_when_nobody_replies_of_use(look_up: Any, said: str) -> None:
    scene = Scene(said, "www.example.org. 60 A 192.0.2.9")
    answer = look_up(scene, "www.example.org")
    assert data(answer) == ["192.0.2.9"]
    assert outcomes(answer) == [(SERVER, said)]


def test_sources_that_know_any_name(look_up: Any) -> None:
    for said in ("NXDOMAIN", "SERVFAIL"):
        scene = Scene(said, "db.example.org. 60 A 192.0.2.9", order=("files", "dns", "nis"))
        assert data(look_up(scene, "db.example.org")) == ["192.0.2.9"]


def test_without_dns_in_nsswitch_conf_dns_is_not_asked(look_up: Any) -> None:
    scene = Scene("db. 300 A 192.0.2.1", "db. 60 A 192.0.2.9", order=("files", "nis"))
    assert data(look_up(scene, "db")) == ["192.0.2.9"]
    assert scene.dns.asked == []
    assert look_up(scene, "10.in-addr.arpa", "PTR").server == SERVER  # nothing that the system could be asked


def test_silence_leaves_the_operating_system_time(look_up: Any) -> None:
    scene = Scene(None, "www.example.org. 60 A 192.0.2.9", system_after=1.0)
    answer = look_up(scene, "www.example.org")
    assert data(answer) == ["192.0.2.9"]
    assert scene.took == pytest.approx(4.0, abs=0.01)
    assert outcomes(answer) == [(SERVER, "no reply")]
    assert scene.dns.left == [PUBLIC]


def test_a_late_reply_still_counts(look_up: Any) -> None:
    scene = Scene("www.example.org. 300 A 192.0.2.1", None, after=4.0)
    answer = look_up(scene, "www.example.org")
    assert (data(answer), answer.server) == (["192.0.2.1"], SERVER)
    assert scene.took == pytest.approx(4.0, abs=0.01)
    assert scene.system.left == [PUBLIC]


def test_a_late_denial_of_a_private_name_waits_for_the_operating_system(look_up: Any) -> None:
    scene = Scene("NXDOMAIN", "db. 60 A 192.0.2.9", after=4.0, system_after=1.5)
    assert data(look_up(scene, "db")) == ["192.0.2.9"]
    assert scene.took == pytest.approx(4.5, abs=0.01)
    scene = Scene("NXDOMAIN", "NXDOMAIN", after=4.0, system_after=0.1)
    answer = look_up(scene, "db")
    assert (answer.rcode, answer.server) == (Rcode.NXDOMAIN, SERVER)
    assert outcomes(answer) == [(SERVER, "NXDOMAIN"), ("getaddrinfo", "NXDOMAIN")]


def test_when_both_fail_the_error_names_both_and_comes_in_time(look_up: Any) -> None:
    scene = Scene(None, None)
    error = look_up(scene, "www.example.org")
    assert isinstance(error, LookupTimeout)
    assert scene.took == pytest.approx(5.0, abs=0.01)
    assert outcomes(error) == [(SERVER, "no reply"), ("getaddrinfo", "no reply")]
    scene = Scene("REFUSED", "Temporary failure in name resolution")
    error = look_up(scene, "www.example.org")
    assert type(error) is ServerFailure
    assert len(outcomes(error)) == 2
    assert "getaddrinfo" in str(error)
    assert scene.took < 1


def test_a_denial_by_the_operating_system_alone_proves_nothing(look_up: Any) -> None:
    error = look_up(Scene("REFUSED", "NXDOMAIN"), "www.example.org")
    assert isinstance(error, ServerFailure)
    assert outcomes(error) == [(SERVER, "REFUSED"), ("getaddrinfo", "NXDOMAIN")]


def test_no_data_by_the_operating_system_means_that_it_knows_the_name(look_up: Any) -> None:
    for said in ("NXDOMAIN", "SERVFAIL"):
        answer = look_up(Scene(said, "NOERROR"), "printer.local", "AAAA")
        assert (answer.rcode, len(answer), answer.server) == (Rcode.NOERROR, 0, "getaddrinfo")


def test_a_name_that_nobody_knows(look_up: Any) -> None:
    for said in ("NXDOMAIN", "Temporary failure"):
        scene = Scene("NXDOMAIN", said)
        answer = look_up(scene, "nowhere")
        assert (answer.rcode, len(answer), answer.server) == (Rcode.NXDOMAIN, 0, SERVER)
        assert outcomes(answer) == [(SERVER, "NXDOMAIN"), ("getaddrinfo", said)]
        assert 0 < answer.expires - scene.began < 15  # it may be plugged in at any time
        assert not answer.authority  # or it would stand for the other family, too


def test_while_others_are_answered_a_public_name_has_itself_to_blame(look_up: Any) -> None:
    scene = Scene(None, "www.example.org. 60 A 192.0.2.9")

    def says(question: Question) -> None:
        scene.served_at = asyncio.get_running_loop().time() + 1

    scene.dns.says = says
    error = look_up(scene, "www.example.org")
    assert isinstance(error, LookupTimeout)
    assert scene.system.asked == []


def test_what_the_operating_system_found_on_its_own_search_list_is_not_the_answer(look_up: Any) -> None:
    def dns(question: Question) -> str:
        return "web.corp.example. 300 A 192.0.2.5" if question.name == "web.corp.example." else "NXDOMAIN"

    found = "web. 60 CNAME web.corp.example.;web.corp.example. 60 A 192.0.2.5"
    scene = Scene(dns, found, search=("a.example", "corp.example"))
    answer = look_up(scene, "web")
    assert (answer.rcode, len(answer)) == (Rcode.NXDOMAIN, 0)
    assert {question.name for question, _ in scene.dns.asked} == {"web.", "web.a.example.", "web.corp.example."}


@pytest.mark.parametrize(
    "search", [(), ("corp.example",), ("x" * 60 + "." + "x" * 60, "."), ("a.example", "b.example")]
)
def test_aliases_that_only_the_operating_system_has(look_up: Any, search: tuple[str, ...]) -> None:
    found = "db. 60 CNAME db.corp.example.;db.corp.example. 60 A 192.0.2.5"  # NIS maps and late hosts files do this
    scene = Scene("NXDOMAIN", found, search=search)
    answer = look_up(scene, "db")
    assert data(answer) == ["192.0.2.5"]
    assert answer.aliases == ("db.",)


def test_reverse_names(look_up: Any) -> None:
    scene = Scene("NXDOMAIN", "7.1.168.192.in-addr.arpa. 60 PTR printer.local.", search=("corp.example",))
    answer = look_up(scene, "192.168.1.7", "PTR")
    assert answer[0].target == "printer.local."


@pytest.mark.parametrize("at", [0.05, 0.15, 3.5])
def test_cancelling_ends_all_of_it(run_virtual: Any, at: float) -> None:
    scene = Scene(None if at > 1 else "NXDOMAIN", None)

    async def main() -> None:
        before = asyncio.all_tasks()
        task = asyncio.create_task(scene.look_up("db"))
        await asyncio.sleep(at)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.sleep(0.01)
        assert asyncio.all_tasks() == before
        begun = len(scene.dns.asked) + len(scene.system.asked)
        assert len(scene.dns.left) + len(scene.system.left) == (begun if at != 0.15 else begun - 1)
        future = scene.fallback.submit(ask("db"), asyncio.get_running_loop().time() + 5, scene.dns.submit)
        assert future.cancel()
        assert not future.cancel()

    run_virtual(main())


def test_cancelling_while_it_checks(run_virtual: Any) -> None:
    def dns(question: Question) -> str | None:
        return "NXDOMAIN" if question.name == "web." else None

    scene = Scene(dns, "web. 60 CNAME x.example.;x.example. 60 A 192.0.2.5", search=("corp.example",))

    async def main() -> None:
        task = asyncio.create_task(scene.look_up("web"))
        await asyncio.sleep(1)
        assert len(scene.dns.asked) == 2
        task.cancel()
        await asyncio.sleep(0.01)
        assert [question.name for question in scene.dns.left] == ["web.corp.example."]

    run_virtual(main())


def test_bugs_of_a_backend_are_shown(look_up: Any) -> None:
    for scene in (Scene(RuntimeError("bug"), "NXDOMAIN"), Scene("NXDOMAIN", RuntimeError("bug"))):
        with pytest.raises(RuntimeError, match="bug"):
            look_up(scene, "db")


def test_a_backend_that_ends_itself(run_virtual: Any) -> None:
    async def main(which: str) -> None:
        scene = Scene(None, None)
        task = asyncio.create_task(scene.look_up("db"))
        await asyncio.sleep(3.5)
        tasks = [task for task in asyncio.all_tasks() if "query" in repr(task.get_coro())]
        assert len(tasks) == 2
        next(task for task in tasks if which in repr(task.get_coro().cr_frame.f_locals["self"].server)).cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    for which in ("udp", "getaddrinfo"):
        run_virtual(main(which))


def test_after_closing_the_operating_system_is_not_asked(run_virtual: Any) -> None:
    scene = Scene("closed", "db. 60 A 192.0.2.9", after=1.0)

    async def main() -> None:
        task = asyncio.create_task(scene.look_up("db"))
        await asyncio.sleep(0.5)
        scene.fallback.close()
        assert "closed" in str(await task)
        assert scene.system.asked == []

    run_virtual(main())


def test_a_backend_without_submit(run_virtual: Any) -> None:
    class Plain:
        query = None

    scene = Scene("NXDOMAIN", "db. 60 A 192.0.2.9")
    plain = Plain()
    plain.query = scene.system.query
    scene.fallback = OsFallback(lambda: plain, lambda: NEVER)
    assert data(run_virtual(scene.look_up("db"))) == ["192.0.2.9"]


def test_the_attempts_of_several_nameservers(look_up: Any) -> None:
    scene = Scene(None, "db. 60 A 192.0.2.9")
    scene.config = scene.config._replace(nameservers=(Nameserver.parse(SERVER), Nameserver.parse("tcp://127.0.0.8")))
    assert outcomes(look_up(scene, "db")) == [(SERVER, "no reply"), ("tcp://127.0.0.8", "no reply")]


@pytest.mark.parametrize("broken", ["dns", "system"])
def test_what_ends_in_the_same_moment_is_not_complained_about(run_virtual: Any, broken: str) -> None:
    complaints: list[Any] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda loop, context: complaints.append(context))
        ends = {"dns": loop.create_future(), "system": loop.create_future()}
        scene = Scene("NXDOMAIN", "NXDOMAIN")
        scene.dns.submit = lambda *_: ends["dns"]
        scene.system.submit = lambda *_: ends["system"]
        lookup = asyncio.ensure_future(scene.look_up("db"))
        await asyncio.sleep(3.5)
        other = "system" if broken == "dns" else "dns"
        record = Record.parse("db. 60 A 192.0.2.9")
        ends[other].set_result(Answer.from_records(ask("db"), [record], now=loop.time(), server=other))
        ends[broken].set_exception(ServerFailure("db.", "A", "broken"))
        assert data(await lookup) == ["192.0.2.9"]
        ends.clear()

    run_virtual(main())
    gc.collect()
    assert complaints == []
