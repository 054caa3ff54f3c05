"""What README, docs and examples show is so: their code runs, on loopback alone, and their links lead somewhere.

tests/docs/page.py says how a page is run, and tests/docs/internet.zone which names it may look up.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import socketserver
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import aioresolver
from aioresolver.testing import DNSServer
from aioresolver.testing.certificates import CertificateAuthority

TOOLS = Path(__file__).with_name("docs")
ROOT = Path(__file__).parent.parent
PAGES = [path for path in [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))] if path.is_file()]
# Whom the documentation's name server may say it is, over TLS, HTTPS and QUIC.
NAMED_IN_CERTIFICATE = ("9.9.9.9", "149.112.112.112", "dns.quad9.net", "8.8.8.8", "dns.google", "dns.example.net")
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))


class Greeting(BaseHTTPRequestHandler):
    """The web of the documentation: one short page at every address, with a few links."""

    def do_GET(self) -> None:
        links = ("www.example.com", "docs.python.org", "no.example.org", "rebind.example.org")
        body = "\n".join(["Hello from loopback.", *(f'<a href="http://{host}/">{host}</a>' for host in links)]).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_HEAD = do_GET

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


class MailHost(socketserver.StreamRequestHandler):
    """The mail servers of the documentation: every one takes every letter, and forgets it."""

    def handle(self) -> None:
        self.say("220 mail.example.org ready")
        for line in self.rfile:
            command = line.split()[0].upper() if line.split() else b""
            if command == b"DATA":
                self.say("354 go on")
                while self.rfile.readline() not in (b".\r\n", b""):
                    pass
            self.say("221 goodbye" if command == b"QUIT" else "250 fine")
            if command == b"QUIT":
                break

    def say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())


class WebServer(ThreadingHTTPServer):
    request_queue_size = 128  # a page may open many connections at once; the kernel drops those beyond


class MailServer(socketserver.ThreadingTCPServer):
    request_queue_size = 128


@contextlib.contextmanager
def served(server: socketserver.BaseServer) -> Iterator[int]:
    """The port of a server that runs in a thread of its own."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(scope="module")
def environment(tmp_path_factory) -> Iterator[dict[str, str]]:
    """The environment of a process that lives in the documentation's internet."""
    zones = re.split(r"^(?=\$ORIGIN)", (TOOLS / "internet.zone").read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    web = served(WebServer(("127.0.0.1", 0), Greeting))
    mail = served(MailServer(("127.0.0.1", 0), MailHost))
    authority = CertificateAuthority()
    certificate = authority.issue(*NAMED_IN_CERTIFICATE)
    (authorities := tmp_path_factory.mktemp("trust") / "authorities.pem").write_bytes(authority.pem)
    with DNSServer.in_thread(*zones, certificate=certificate) as server, web as web_port, mail as mail_port:
        ports = {"dns": server.port, "web": web_port, "mail": mail_port}
        encrypted = (server.nameserver_tls, server.nameserver_https, server.nameserver_quic)
        ports |= {url.scheme: url.port for url in map(urlsplit, encrypted)}
        yield os.environ | {
            "AIORESOLVER_NAMESERVERS": server.nameserver,
            "DOCUMENTATION_PORTS": " ".join(f"{service}={port}" for service, port in ports.items()),
            "SSL_CERT_FILE": str(authorities),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(TOOLS),
            "PYTHONDONTWRITEBYTECODE": "1",
            "COLUMNS": "100",
        }


def run(command: list[str], environment: dict[str, str], folder: Path) -> None:
    """Run it to its end; fail with what it said unless it succeeds."""
    result = subprocess.run(
        command, env=environment, cwd=folder, capture_output=True, text=True, timeout=55, check=False
    )
    if result.returncode:
        pytest.fail(result.stdout + result.stderr, pytrace=False)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_code_of_a_page_does_what_the_page_says(page, environment, tmp_path):
    run([sys.executable, str(TOOLS / "page.py"), str(page)], environment, tmp_path)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_an_example_runs(example, environment, tmp_path):
    run([sys.executable, str(example)], environment, tmp_path)


def anchors(page: Path) -> set[str]:
    """What a link may name in the page: its headings, as GitHub writes them."""
    headings = re.findall(r"^#+ +(.+?) *#*$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_links_of_a_page_lead_somewhere(page):
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    dead = []
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        if not re.match(r"\w+:", link) and (not target.exists() or (anchor and anchor not in anchors(target))):
            dead.append(link)

    assert dead == []


def test_the_floors_of_the_design_are_those_that_are_held():
    """The table and the drawing; rooms that are still to be built are in neither."""
    spec = importlib.util.spec_from_file_location("floors", ROOT / "tests" / "test_floors.py")
    floors = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(floors)
    held = {room: floor for room, floor in floors.FLOORS.items() if floors.is_module(f"aioresolver.{room}")}
    held |= {file: floors.FLOORS[room] for file, room in floors.ROOMS.items()}
    table = re.findall(r"^\| (\d) \| (.*) \|$", (ROOT / "docs" / "design.md").read_text("utf-8"), flags=re.MULTILINE)
    drawing = (ROOT / "docs" / "floors.svg").read_text("utf-8")

    assert {room: int(floor) for floor, rooms in table for room in re.findall(r"`(\w+)`", rooms)} == held
    assert [room for room in held if room not in floors.ROOMS and f">{room}</text>" not in drawing] == []


def test_the_reference_has_every_name_of_the_face():
    pages = "".join(page.read_text("utf-8") for page in (ROOT / "docs" / "reference").glob("*.md"))

    assert set(re.findall(r"^\.\. auto\w+:: aioresolver\.(\w+)$", pages, flags=re.MULTILINE)) >= set(
        aioresolver.__all__
    )


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("```python\nimport asyncio\nx = await asyncio.sleep(0, 7)\n```\n```python\nassert x == 7\n```\n", ""),
        ("```python\nassert False\n```\n", "line 2"),
        ("<!-- no-run: it would fail -->\n\n```python\nassert False\n```\n", ""),
        ("<!-- no-run -->\n```python\nassert False\n```\n", "without a reason"),
        ("```console\n$ echo one; echo two\none\n...\n$ echo three\nthree\n```\n", ""),
        ("```console\n$ echo one\none\n...\n$ echo two\ntwo\n```\n", ""),
        ("```console\n$ echo one\ntwo\n```\n", "but got"),
        ("```console\n$ false\n```\n", "fails (1)"),
        ("```console\n$ false\n$ echo $?\n1\n```\n", ""),
        ("```python\nprint(1)\n```\n<!-- output -->\n```text\n1\n```\n", ""),
        ("```python\nprint(1)\n```\n<!-- output -->\n```text\n2\n```\n", "but got"),
        ("```sh\nexit 3\n```\n", "exit status 3"),
        ("```toml\n[\n```\n", "TOMLDecodeError"),
        ("```python\nimport socket\nsocket.create_connection(('8.8.8.8', 8443))\n```\n", "stays on loopback"),
        ("```python\nimport urllib.request as r\nassert r.urlopen('http://example.org/').status == 200\n```\n", ""),
        ("```console\n$ python -c 'import socket; print(socket.gethostbyname(\"example.org\"))'\n192.0.2.1\n```\n", ""),
    ],
)
def test_the_check_sees_what_it_should(text, complaint, environment, tmp_path):
    page = tmp_path / "page.md"
    page.write_text(text, encoding="utf-8")
    command = [sys.executable, str(TOOLS / "page.py"), str(page)]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=55, check=False)

    assert complaint in result.stderr
    assert bool(result.returncode) == bool(complaint)
