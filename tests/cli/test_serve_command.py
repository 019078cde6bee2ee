"""What `storyteller serve` says of addresses, before anything is loaded, and whom it answers."""

import socket

import pytest

from ports import free_port
from storyteller.cli.serve import address_of, is_loopback, refuse_taken_port
from storyteller.errors import StorytellerError


@pytest.mark.parametrize(
    ("host", "words"),
    [
        ("nohost.invalid", r"There is no machine 'nohost.invalid' \(.*\); give an address of this machine with --host"),
        ("not a host", "There is no machine 'not a host'"),
        ("ü" * 80, "There is no machine 'ü"),
        ("a\0b", "There is no machine 'a"),
        ("192.0.2.1", "is not an address of this machine; give an address of this machine with --host"),
    ],
)
def test_a_host_that_is_not_this_machine_is_said_to_be_one(host, words):
    with pytest.raises(StorytellerError, match=words) as error:
        refuse_taken_port(host, free_port())
    assert "another program" not in str(error.value)


def test_a_taken_port_is_said_to_be_one():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(StorytellerError, match=rf"another program listens there; .* --port {port + 1}"):
            refuse_taken_port("127.0.0.1", port)


def test_a_free_port_is_fine_by_address_and_by_name():
    for host in ("127.0.0.1", "localhost", "0.0.0.0"):
        refuse_taken_port(host, free_port())


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.0.0.9", True),
        ("::1", True),
        ("0:0:0:0:0:0:0:1", True),
        ("LOCALHOST", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.1.7", False),
        ("example.org", False),
    ],
)
def test_a_server_for_this_machine_only_is_known_by_its_address(host, loopback):
    assert is_loopback(host) == loopback


def test_an_address_of_ipv6_stands_in_brackets():
    assert address_of("::1", 80) == "http://[::1]:80"
    assert address_of("127.0.0.1", 80) == "http://127.0.0.1:80"
