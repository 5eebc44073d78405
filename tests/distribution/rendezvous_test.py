"""Processes that meet at an address: all let go together, or an error that says who is missing."""

import concurrent.futures
import socket

import pytest

from keras_lit import distribution
from keras_lit.distribution import _rendezvous


@pytest.fixture
def address():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    return f"127.0.0.1:{port}"


def test_all_meet_and_leave_the_port_free(address):
    with concurrent.futures.ThreadPoolExecutor() as threads:
        waiting = [threads.submit(_rendezvous.meet, address, 3, i, 20) for i in (2, 1, 0)]
        for each in waiting:
            each.result(timeout=20)
    socket.create_server(_rendezvous.parse_address(address)).close()


def test_process_0_says_who_is_missing(address):
    with concurrent.futures.ThreadPoolExecutor() as threads:
        other = threads.submit(_rendezvous.meet, address, 3, 1, 1)
        with pytest.raises(TimeoutError, match=rf"{address}.*\[2\] of 3 did not come"):
            _rendezvous.meet(address, 3, 0, 0.5)
        with pytest.raises(TimeoutError, match=f"Process 1 .*{address}"):
            other.result(timeout=20)


def test_others_say_where_they_looked(address):
    with pytest.raises(TimeoutError, match=f"Process 1 .*{address} within 0.3 seconds"):
        _rendezvous.meet(address, 2, 1, 0.3)


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("nowhere", 2, 0), "coordinator_address='nowhere'"),
        (("host:port", 2, 0), "coordinator_address='host:port'"),
        (("host:1", 0, 0), "num_processes=0"),
        (("host:1", None, 0), "num_processes=None"),
        (("host:1", 2, 2), "process_id=2"),
        (("host:1", 2, None), "process_id=None"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        distribution.initialize(*arguments)
