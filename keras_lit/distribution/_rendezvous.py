"""An address and a number of processes -> all of them present, or a TimeoutError with the address.

JAX ends a process that waits in vain, TensorFlow waits forever, and neither says for whom.
"""

import contextlib
import socket
import time


def parse_address(address):
    """Splits `"host:port"`, or raises a ValueError."""
    host, _, port = str(address).rpartition(":")
    if not host or not port.isdigit():
        raise ValueError(
            f"`coordinator_address` must be 'host:port' of process 0. Received: "
            f"coordinator_address={address!r}. Use e.g. '10.0.0.1:1234'."
        )
    return host, int(port)


def check_processes(num_processes, process_id):
    """Raises a ValueError unless `process_id` is one of `num_processes`."""
    if not isinstance(num_processes, int) or num_processes < 1:
        raise ValueError(
            f"`num_processes` must be an integer >= 1. Received: num_processes={num_processes!r}."
        )
    if not isinstance(process_id, int) or not 0 <= process_id < num_processes:
        raise ValueError(
            f"`process_id` must be an integer from 0 to {num_processes - 1}, another one in each "
            f"of the {num_processes} processes. Received: process_id={process_id!r}."
        )


def meet(address, num_processes, process_id, timeout_seconds):
    """Returns once every process has called it.

    Process 0 listens at the address until all others have said their number, then lets them go.

    Args:
        address: String `host:port`, of process 0.
        num_processes: Integer.
        process_id: Integer.
        timeout_seconds: Number.

    Raises:
        TimeoutError: Names the address, and on process 0 the processes that are missing.
    """
    check_processes(num_processes, process_id)
    host, port = parse_address(address)
    deadline = time.monotonic() + timeout_seconds
    if process_id == 0:
        _wait_for_others(host, port, num_processes, deadline, timeout_seconds)
    else:
        _report(host, port, process_id, deadline, timeout_seconds)


def _wait_for_others(host, port, num_processes, deadline, timeout_seconds):
    missing = set(range(1, num_processes))
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(socket.create_server(("", port), backlog=num_processes))
        connections = []
        while missing:
            server.settimeout(max(0.01, deadline - time.monotonic()))
            try:
                connection = stack.enter_context(server.accept()[0])
                connection.settimeout(max(0.01, deadline - time.monotonic()))
                reported = connection.recv(16)
            except TimeoutError:
                raise TimeoutError(
                    f"Process 0 waited at {host}:{port} for {timeout_seconds} seconds, and process "
                    f"{sorted(missing)} of {num_processes} did not come. Start all processes with "
                    "the same `coordinator_address` and `num_processes`."
                ) from None
            # Whoever else may knock at an open port is not counted.
            if reported.isdigit() and int(reported) in missing:
                missing.remove(int(reported))
                connections.append(connection)
        for connection in connections:
            connection.sendall(b"go")
        # They hang up first, so that the port is free at once for the backend's own server.
        for connection in connections:
            connection.recv(1)


def _report(host, port, process_id, deadline, timeout_seconds):
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            with socket.create_connection((host, port), deadline - time.monotonic()) as connection:
                connection.sendall(str(process_id).encode())
                connection.settimeout(max(0.01, deadline - time.monotonic()))
                if connection.recv(2) == b"go":
                    return
        time.sleep(min(0.2, timeout_seconds / 10))
    raise TimeoutError(
        f"Process {process_id} found no complete group of processes at {host}:{port} within "
        f"{timeout_seconds} seconds. Check that process 0 runs there, that its port is open, and "
        "that all processes have started."
    )
