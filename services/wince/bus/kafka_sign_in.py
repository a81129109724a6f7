"""Asks a broker why it does not let a user sign in. The client can't say: where a broker answers and closes at once, it drops the answer
(kafka-python 3.0.12) and tries again until its time is up."""

from __future__ import annotations

import socket
import ssl
import struct
from collections.abc import Mapping
from typing import Any

from kafka.net.sasl.scram import ScramClient

ASK_S = 3.0
_HANDSHAKE, _AUTHENTICATE = (17, 1), (36, 0)
"""Key and version of two requests: https://kafka.apache.org/protocol, SaslHandshake and SaslAuthenticate."""
_UNSUPPORTED, _FAILED = 33, 58
"""UNSUPPORTED_SASL_MECHANISM, SASL_AUTHENTICATION_FAILED."""
_LARGEST = 64 << 10


def refusal(server: str, client: Mapping[str, Any]) -> str:
    """Why the broker at `server` (host:port) does not take the user of the client's settings, as a part of a sentence; empty where it
    does, or where it can't be learned: nobody answers, or TLS does not fit. Blocks for some seconds at most."""
    host, _, port = server.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), ASK_S) as plain, _wrapped(plain, host, client) as connection:
            return _asked(connection, client)
    except (OSError, ValueError, KeyError, struct.error):  # what speaks there may be no Kafka
        return ""


def _wrapped(plain: socket.socket, host: str, client: Mapping[str, Any]) -> socket.socket:
    if client["security_protocol"] != "SASL_SSL":
        return plain
    context = ssl.create_default_context(cafile=client.get("ssl_cafile"))
    if "ssl_certfile" in client:
        context.load_cert_chain(client["ssl_certfile"], client["ssl_keyfile"])
    return context.wrap_socket(plain, server_hostname=host.strip("[]"))


def _asked(connection: socket.socket, client: Mapping[str, Any]) -> str:
    mechanism = client["sasl_mechanism"]
    answer = _request(connection, _HANDSHAKE, struct.pack(">h", len(mechanism)) + mechanism.encode())
    if struct.unpack_from(">h", answer)[0] == _UNSUPPORTED:
        return f"the broker does not take {mechanism}"
    scram = ScramClient(client["sasl_plain_username"], client["sasl_plain_password"], mechanism)
    for message, next_step in ((scram.first_message, scram.process_server_first_message), (scram.final_message, _nothing)):
        words = message()
        answer = _request(connection, _AUTHENTICATE, struct.pack(">i", len(words)) + words)
        code, length = struct.unpack_from(">hh", answer)
        if code == _FAILED:
            return "user or password is wrong"
        at = 4 + max(length, 0)
        size = struct.unpack_from(">i", answer, at)[0]
        next_step(answer[at + 4 : at + 4 + size])
    return ""


def _nothing(_: bytes) -> None:
    """The last message asks for nothing more."""


def _request(connection: socket.socket, call: tuple[int, int], body: bytes) -> bytes:
    """Send a request, give its answer's body. Raises OSError, struct.error."""
    head = struct.pack(">hhih", *call, 1, -1)
    connection.sendall(struct.pack(">i", len(head) + len(body)) + head + body)
    size = struct.unpack(">i", _read(connection, 4))[0]
    if not 4 <= size <= _LARGEST:
        raise OSError("no answer of Kafka's")
    return _read(connection, size)[4:]


def _read(connection: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        more = connection.recv(size - len(found))
        if not more:
            raise OSError("closed")
        found += more
    return found
