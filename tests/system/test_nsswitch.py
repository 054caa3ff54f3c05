"""The hosts: line of nsswitch.conf."""

from __future__ import annotations

import pytest

from aioresolver.system.nsswitch import parse_lookup_order


@pytest.mark.parametrize(
    ("text", "order"),
    [
        ("hosts: files dns", ("files", "dns")),
        ("passwd: files nis\nhosts:\tdns   files # the other way\n", ("dns", "files")),
        ("hosts: mymachines resolve [!UNAVAIL=return] files myhostname dns", None),
        ("hosts: files mdns4_minimal [NOTFOUND=return] dns", ("files", "mdns4_minimal", "dns")),
        ("hosts: files [NOTFOUND=return] dns", ("files",)),
        ("hosts: files [notfound = return] dns", ("files",)),
        ("hosts: files [!SUCCESS=return] dns", ("files",)),
        ("hosts: files [UNAVAIL=return] dns", ("files", "dns")),
        ("hosts: files [SUCCESS=return UNAVAIL=continue NOTFOUND=return] dns", ("files",)),
        ("hosts: files [NOTFOUND=return NOTFOUND=continue] dns", ("files", "dns")),
        ("hosts: dns [!UNAVAIL=return] files", ("dns",)),
        ("hosts: files[NOTFOUND=return]dns", ("files",)),
        ("hosts: files [SUCCESS=continue] dns", ("dns",)),
        ("hosts: files dns [SUCCESS=continue]", ("files", "dns")),
        ("hosts: nis\nhosts: files dns", ("files", "dns")),
        ("hosts:", ("files", "dns")),
        ("# hosts: nis", ("files", "dns")),
        ("", ("files", "dns")),
    ],
)
def test_the_lookup_order(text, order):
    assert parse_lookup_order(text) == (order or ("mymachines", "resolve", "files", "myhostname", "dns"))


# How glibc reads it shows in what it does: which of the hosts file and DNS it asked, for names each of them knows.
PROGRAM = """
import socket, threading
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.53", 53))
def serve():
    while True:
        query, client = server.recvfrom(4096)
        end = query.index(0, 12) + 5
        known = b"nowhere" not in query
        address = b"\\xc0\\x0c\\x00\\x01\\x00\\x01\\x00\\x00\\x00\\x01\\x00\\x04\\xc0\\x00\\x02\\x02" if known else b""
        header = query[:2] + (b"\\x81\\x80" if known else b"\\x81\\x83") + query[4:6] + bytes([0, known, 0, 0, 0, 0])
        server.sendto(header + query[12:end] + address, client)
threading.Thread(target=serve, daemon=True).start()
results = []
for name in ("both.test", "dns.test", "nowhere.test"):
    try:
        results.append(socket.getaddrinfo(name, 80, family=socket.AF_INET, type=1)[0][4][0])
    except socket.gaierror:
        results.append(None)
print(json.dumps(results))
"""


@pytest.mark.parametrize(
    "line",
    [
        "hosts: files dns",
        "hosts: dns files",
        "hosts: files",
        "hosts: dns",
        "hosts: files [NOTFOUND=return] dns",
        "hosts: files [!SUCCESS=return] dns",
        "hosts: files [UNAVAIL=return] dns",
        "hosts: files[NOTFOUND=return]dns",
        "hosts: nonesuch files dns",
        "hosts: dns\nhosts: files",
        "# nothing",
    ],
)
def test_the_c_library_looks_in_the_same_places(in_private_etc, line):
    files = {"hosts": "192.0.2.1 both.test\n", "resolv.conf": "nameserver 127.0.0.53\n", "nsswitch.conf": f"{line}\n"}

    found = in_private_etc(PROGRAM, files)

    answers = {"files": {"both.test": "192.0.2.1"}, "dns": {"both.test": "192.0.2.2", "dns.test": "192.0.2.2"}}
    sources = [answers.get(source, {}) for source in parse_lookup_order(line)]
    names = ("both.test", "dns.test", "nowhere.test")
    assert found == [next((known[name] for known in sources if name in known), None) for name in names]
