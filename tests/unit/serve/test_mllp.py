"""HL7 v2 beyond this machine only with TLS and client certificates, or by an option that says otherwise in its name."""

from __future__ import annotations

import socket
import ssl

import pytest

from tests.support.certificates import Authority
from wince.errors import ConfigError
from wince.hl7.limits import Limits
from wince.hl7.mllp_connection import one_by_one
from wince.hl7.mllp_server import MllpServer
from wince.serve.mllp import place
from wince.settings import Settings


def test_by_default_this_machine_alone():
    found = place(Settings())
    assert (found["host"], found["tls"]) == ("127.0.0.1", None)


def test_senders_with_a_certificate_are_let_in_and_no_others(tmp_path):
    authority, strangers = Authority(tmp_path), Authority(tmp_path, "strangers")
    ours, theirs, other = authority.issue("localhost", "127.0.0.1"), authority.issue("engine"), strangers.issue("stranger")
    settings = Settings(mllp_cert_file=ours[0], mllp_key_file=ours[1], mllp_client_ca_file=authority.file)
    assert place(settings.model_copy(update={"mllp_host": "0.0.0.0"}))["host"] == "0.0.0.0"
    told = {name: value for name, value in place(settings).items() if name != "charset"}
    with MllpServer(one_by_one(lambda data: b"got " + data), lambda _: b"", **told) as server:

        def ask(*pair: object) -> bytes:
            context = ssl.create_default_context(cafile=str(authority.file))
            if pair:
                context.load_cert_chain(*map(str, pair))
            plain = socket.create_connection(("127.0.0.1", server.port), 20)
            try:
                with context.wrap_socket(plain, server_hostname="127.0.0.1") as wire:
                    wire.sendall(b"\x0b1\x1c\r")
                    return wire.recv(100)
            except (ssl.SSLError, ConnectionError):
                return b""

        assert ask(*theirs) == b"\x0bgot 1\x1c\r"
        assert ask() == b""
        assert ask(*other) == b""
        assert server.counts["messages"] == 1


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"mllp_host": "0.0.0.0"}, "mllp_cert_file"),
        ({"mllp_host": "hospital.example"}, "mllp_cert_file"),
        ({"mllp_host": "0.0.0.0", "mllp_cert_file": "c", "mllp_key_file": "c"}, "mllp_client_ca_file"),
        ({"mllp_cert_file": "c"}, "mllp_cert_file"),
        ({"mllp_client_ca_file": "c"}, "mllp_client_ca_file"),
        ({"mllp_cert_file": "c", "mllp_key_file": "c"}, "mllp_cert_file="),
        ({"mllp_cert_file": "absent", "mllp_key_file": "absent"}, "mllp_cert_file="),
    ],
)
def test_what_is_open_or_wrong_is_named(tmp_path, given, field):
    (tmp_path / "c").write_text("no pem")
    settings = Settings(**{name: value if name == "mllp_host" else tmp_path / value for name, value in given.items()})
    with pytest.raises(ConfigError) as caught:
        place(settings)
    assert caught.value.field.startswith(field)
    assert caught.value.remedy


def test_open_to_the_network_only_by_its_name():
    assert place(Settings(mllp_host="0.0.0.0", insecure_mllp_beyond_loopback=True))["tls"] is None


def test_limits_and_the_site_s_character_set_are_settings():
    settings = Settings(mllp_connections=3, mllp_connections_per_address=2, mllp_message_bytes=5000, mllp_idle_s=7, mllp_charset="8859/1 ")
    found = place(settings)
    assert found["limits"] == Limits(message_bytes=5000, idle_s=7, connections=3, per_address=2)
    assert found["charset"] == "8859/1"
    with pytest.raises(ConfigError) as caught:
        place(Settings(mllp_charset="KLINGON"))
    assert (caught.value.field, "8859/1" in caught.value.remedy) == ("mllp_charset", True)
