"""`python -m aioresolver.testing`, as a process that others ask."""

from __future__ import annotations

import signal
import subprocess
import sys
from urllib.parse import urlsplit

import dns.message
import dns.query
import dns.rcode
import pytest

from aioresolver.testing.__main__ import main

ZONE = "www 60 A 192.0.2.1"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_until_it_is_told_to_stop(tmp_path, number):
    (tmp_path / "example.zone").write_text(ZONE)
    command = [sys.executable, "-m", "aioresolver.testing", "example.zone", "--origin", "example", "--delay", "0.001"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = urlsplit(process.stdout.readline().strip())
        assert (url.scheme, url.hostname) == ("udp", "127.0.0.1")
        query = dns.message.make_query("www.example", "A")
        reply = dns.query.udp(query, "127.0.0.1", port=url.port, timeout=5)
        process.send_signal(number)
        rest = process.communicate(timeout=10)

    assert str(reply.answer[0]) == "www.example. 60 IN A 192.0.2.1"
    assert (process.returncode, *rest) == (0, "", "")


def test_what_cannot_be_served(tmp_path, capsys):
    zone = tmp_path / "bad.zone"
    zone.write_text("www 60 A x")

    assert main([str(zone)]) == 2
    assert capsys.readouterr().err.startswith(f"{zone}: zone line 1: A data")
    assert main([str(tmp_path / "missing")]) == 2
    assert "missing" in capsys.readouterr().err
    zone.write_bytes(b"\xd0\xff\n")
    assert main([str(zone)]) == 2
    assert capsys.readouterr().err == f"{zone}: not zone text: it is not UTF-8\n"
    zone.write_text(ZONE)
    assert main([str(zone), "--drop", "2"]) == 2
    assert "probability" in capsys.readouterr().err


def test_a_port_that_is_none(tmp_path, capsys):
    (tmp_path / "example.zone").write_text(ZONE)
    with pytest.raises(SystemExit):
        main([str(tmp_path / "example.zone"), "--port", "99999"])
    assert capsys.readouterr().err.endswith("argument --port: 99999 is not between 0 and 65535\n")
