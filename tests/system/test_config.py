"""The configuration of this machine: put together, overridden, read again when it changes."""

from __future__ import annotations

from ipaddress import IPv4Network

import pytest

from aioresolver.errors import ConfigurationError
from aioresolver.system.config import SystemConfig, SystemConfigFiles
from aioresolver.system.windows import Adapter, WindowsSearch
from aioresolver.transports.nameserver import Nameserver

RESOLV_CONF = """\
nameserver 192.0.2.1
nameserver fe80::1%eth0
search corp.example. .lab.example bad..example
options ndots:2 timeout:3 attempts:4 rotate edns0 trust-ad no-aaaa single-request-reopen no-tld-query
sortlist 192.0.2.0/255.255.255.0
"""


class Machine:
    """Two files, an environment and the configuration they make."""

    def __init__(self, folder, resolv_conf=None, nsswitch=None):
        self.resolv_conf, self.nsswitch = folder / "resolv.conf", folder / "nsswitch.conf"
        if resolv_conf is not None:
            self.resolv_conf.write_text(resolv_conf)
        if nsswitch is not None:
            self.nsswitch.write_text(nsswitch)
        self.environ = {}
        self.files = SystemConfigFiles(
            resolv_conf=self.resolv_conf,
            nsswitch_conf=self.nsswitch,
            environ=self.environ,
            hostname=lambda: "box.hosts.example",
            platform="linux",
        )


def test_everything_that_is_configured(tmp_path):
    config = Machine(tmp_path, RESOLV_CONF, "hosts: files dns\n").files.current(0.0)

    assert config == SystemConfig(
        nameservers=(Nameserver("udp", "192.0.2.1"), Nameserver("udp", "fe80::1%eth0")),
        search=("corp.example.", "lab.example."),
        ndots=2,
        timeout=3,
        attempts=4,
        rotate=True,
        edns=True,
        trust_ad=True,
        no_aaaa=True,
        single_request=True,
        no_tld_query=True,
        sortlist=(IPv4Network("192.0.2.0/24"),),
        source=str(tmp_path / "resolv.conf"),
    )


def test_without_any_file_it_is_glibcs_defaults(tmp_path):
    config = Machine(tmp_path).files.current(0.0)

    assert config == SystemConfig(search=("hosts.example.",), source="no resolv.conf")
    assert config.nameservers == (Nameserver("udp", "127.0.0.1"),)


def test_use_vc_makes_the_nameservers_tcp(tmp_path):
    config = Machine(tmp_path, "nameserver 192.0.2.1\noptions use-vc").files.current(0.0)

    assert config.nameservers == (Nameserver("tcp", "192.0.2.1"),)


@pytest.mark.parametrize(
    ("line", "reads_hosts", "asks_dns", "needs_os_fallback"),
    [
        ("files dns", True, True, False),
        ("files", True, False, False),
        ("dns", False, True, False),
        ("dns files", False, True, False),
        ("files mdns4_minimal [NOTFOUND=return] dns", True, True, True),
        ("mymachines resolve [!UNAVAIL=return] files myhostname dns", True, True, True),
        ("files nis", True, False, True),
    ],
)
def test_the_lookup_order(tmp_path, line, reads_hosts, asks_dns, needs_os_fallback):
    config = Machine(tmp_path, nsswitch=f"hosts: {line}\n").files.current(0.0)

    assert (config.reads_hosts, config.asks_dns) == (reads_hosts, asks_dns)
    assert config.needs_os_fallback is needs_os_fallback


def test_a_change_is_seen_at_the_next_look_and_looks_are_two_seconds_apart(tmp_path):
    machine = Machine(tmp_path, "nameserver 192.0.2.1")
    before = machine.files.current(100.0)
    machine.resolv_conf.write_text("nameserver 192.0.2.2")

    assert machine.files.current(101.9) is before
    after = machine.files.current(102.0)
    assert after.nameservers == (Nameserver("udp", "192.0.2.2"),)
    assert machine.files.current(200.0) is after


def test_a_change_of_nsswitch_conf_is_seen_too(tmp_path):
    machine = Machine(tmp_path, "nameserver 192.0.2.1", "hosts: files dns")
    machine.files.current(0.0)
    machine.nsswitch.write_text("hosts: files")

    assert not machine.files.current(2.0).asks_dns


def test_a_machine_started_without_a_network_learns_its_nameservers_later(tmp_path):
    machine = Machine(tmp_path)
    machine.files.current(0.0)
    machine.resolv_conf.write_text("nameserver 192.0.2.1")

    assert machine.files.current(2.0).nameservers == (Nameserver("udp", "192.0.2.1"),)


def test_no_reload(tmp_path):
    machine = Machine(tmp_path, "nameserver 192.0.2.1\noptions no-reload")
    before = machine.files.current(0.0)
    machine.resolv_conf.write_text("nameserver 192.0.2.2")

    assert machine.files.current(1e9) is before


def test_the_environment_variable_replaces_the_nameservers_and_nothing_else(tmp_path):
    machine = Machine(tmp_path, RESOLV_CONF)
    machine.environ["AIORESOLVER_NAMESERVERS"] = (
        "tls://192.0.2.9#dns.example, 127.0.0.1:5353  [::1]:5354,https://dns.example?address=192.0.2.9,::9&method=get"
    )

    config = machine.files.current(0.0)

    assert [str(nameserver) for nameserver in config.nameservers] == [
        "tls://192.0.2.9#dns.example",
        "udp://127.0.0.1:5353",
        "udp://[::1]:5354",
        "https://192.0.2.9/dns-query?method=get#dns.example",
        "https://[::9]/dns-query?method=get#dns.example",
    ]
    assert (config.ndots, config.source) == (2, "$AIORESOLVER_NAMESERVERS")
    del machine.environ["AIORESOLVER_NAMESERVERS"]
    assert machine.files.current(2.0).nameservers[0] == Nameserver("udp", "192.0.2.1")


@pytest.mark.parametrize("value", ["dns.example", "ftp://192.0.2.1", " , "])
def test_nonsense_in_the_environment_variable_is_told(tmp_path, value):
    machine = Machine(tmp_path)
    machine.environ["AIORESOLVER_NAMESERVERS"] = value

    for _ in range(2):
        with pytest.raises(ConfigurationError, match=r"^AIORESOLVER_NAMESERVERS"):
            machine.files.current(0.0)


def test_the_other_variables_count_too(tmp_path):
    machine = Machine(tmp_path, RESOLV_CONF)
    machine.environ.update(LOCALDOMAIN="other.example", RES_OPTIONS="ndots:5")

    config = machine.files.current(0.0)

    assert (config.search, config.ndots) == (("other.example.",), 5)


def test_making_one_reads_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr("pathlib.Path.read_text", None)
    monkeypatch.setattr("pathlib.Path.stat", None)

    Machine(tmp_path)


def test_this_machine_has_a_configuration():
    assert SystemConfigFiles(environ={}).current(0.0).nameservers


def test_macos_has_a_default_resolver_and_others_for_some_names(tmp_path, monkeypatch):
    calls = []
    text = """
resolver #1
  search domain[0] : corp.example
  nameserver[0] : 192.0.2.1
resolver #2
  domain   : vpn.example
  nameserver[0] : 10.0.0.53
  port     : 5353
  order    : 10
resolver #3
  domain   : deep.vpn.example
  nameserver[0] : 10.0.0.54
  order    : 20
resolver #4
  domain   : local
  options  : mdns
  nameserver[0] : 224.0.0.251
DNS configuration (for scoped queries)
resolver #1
  nameserver[0] : 192.168.1.1
"""
    monkeypatch.setattr("aioresolver.system.config.read_scutil", lambda: calls.append(1) or text)
    path = tmp_path / "resolv.conf"
    path.write_text("nameserver 192.0.2.9\nsearch old.example\noptions ndots:2\n")
    files = SystemConfigFiles(resolv_conf=path, nsswitch_conf=tmp_path / "x", environ={}, platform="darwin")

    config = files.current(0.0)

    assert config.nameservers == (Nameserver("udp", "192.0.2.1"),)
    assert (config.search, config.ndots, config.needs_os_fallback) == (("corp.example.",), 2, True)
    assert config.routes == (
        ("deep.vpn.example.", (Nameserver("udp", "10.0.0.54"),)),
        ("vpn.example.", (Nameserver("udp", "10.0.0.53", 5353),)),
    )
    files.current(2.0)
    assert len(calls) == 1
    path.write_text("nameserver 192.0.2.10\n")
    files.current(4.0)
    assert len(calls) == 2


def test_macos_without_scutil_is_resolv_conf(tmp_path, monkeypatch):
    monkeypatch.setattr("aioresolver.system.config.read_scutil", str)
    path = tmp_path / "resolv.conf"
    path.write_text("nameserver 192.0.2.9\nsearch old.example\n")

    config = SystemConfigFiles(resolv_conf=path, nsswitch_conf=path, environ={}, platform="darwin").current(0.0)

    assert config.nameservers == (Nameserver("udp", "192.0.2.9"),)
    assert (config.search, config.needs_os_fallback, config.source) == (("old.example.",), True, str(path))


def test_windows_is_looked_at_each_time_and_stays_the_same_object(tmp_path, monkeypatch):
    adapters = [Adapter("Ethernet", ("192.0.2.1",), suffix="corp.example")]
    monkeypatch.setattr("aioresolver.system.windows_adapters.read_adapters", lambda: adapters)
    monkeypatch.setattr("aioresolver.system.config.read_search", lambda: WindowsSearch(domain="main.example"))
    paths = {"resolv_conf": tmp_path / "none", "nsswitch_conf": tmp_path / "none"}
    files = SystemConfigFiles(**paths, environ={}, hostname=lambda: "box", platform="win32")

    config = files.current(0.0)

    assert config.nameservers == (Nameserver("udp", "192.0.2.1"),)
    assert (config.search, config.needs_os_fallback) == (("main.example.", "corp.example."), True)
    assert files.current(2.0) is config
    adapters[:] = [Adapter("Wi-Fi", ("192.0.2.2",))]
    assert files.current(3.9) is config
    assert files.current(4.0).nameservers == (Nameserver("udp", "192.0.2.2"),)
    adapters.clear()
    assert files.current(6.0).source == "no nameserver on any adapter"
