"""Processes that repeat some work on demand -> times taken in turn, ratios, tables and files.

Contenders are processes that live side by side, and only one of them works at a time: each round
asks every contender once, so that all of them meet the same machine. A ratio is the median over
the rounds of one round's ratio, and its spread the smallest and the largest.
"""

import ctypes
import datetime
import gc
import importlib.util
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from importlib import metadata

RESULTS = pathlib.Path(__file__).resolve().parent / "results"


class Contender:
    """A process that answers each request for some repeats with the time and memory they took.

    Args:
        module: String, the module to run; it calls `serve`, or `Requests` in a loop of its own.
        arguments: List, its command line.
        num_cores: Integer, how many cores the process may use. `None`: all.
        environment: Dict of environment variables to add.

    Raises:
        RuntimeError: With what the process printed, if it ends before it is asked to.
    """

    def __init__(self, module, arguments, num_cores=None, environment=None):
        self._errors = tempfile.TemporaryFile("w+")
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *map(str, arguments)],
            env={
                **os.environ,
                "TF_CPP_MIN_LOG_LEVEL": "3",
                "BENCHMARK_CORES": str(num_cores or ""),
                **(environment or {}),
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        # Loading and compiling end before any other contender starts.
        self._read()

    def _read(self):
        for line in self._process.stdout:
            if line.startswith("{"):
                return json.loads(line)
        self._errors.seek(0)
        raise RuntimeError(f"{self._process.args} ended:\n{self._errors.read()[-3000:]}")

    def run(self, repeats):
        """Returns what one of `repeats` took: `wall` and `cpu`, seconds, and memory.

        `megabytes` is the peak beyond what the process held before its first step, what compiling
        took and freed left out; `step_megabytes` that beyond what it held before these repeats,
        so without weights, code, and what a backend keeps. `None` where the system does not tell.
        """
        print(repeats, file=self._process.stdin, flush=True)
        return self._read()

    def close(self):
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()
        self._errors.close()


def limit_cores():
    """Keeps this process to `BENCHMARK_CORES` cores; call it before a backend is imported."""
    cores = os.environ.get("BENCHMARK_CORES")
    if cores:
        os.environ.update(OMP_NUM_THREADS=cores, MKL_NUM_THREADS=cores)
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: int(cores)])


class Requests:
    """Answers a `Contender`'s requests from within a loop over steps that someone else runs.

    Args:
        warm_up: Integer, steps before the contender says that it is ready.
    """

    def __init__(self, warm_up=3):
        self._repeats = self._left = warm_up
        self._started = self._held = None
        self._resident = _resident_megabytes("VmRSS")

    def step_done(self, wait):
        """Counts a step, and at the end of a request answers and waits for the next.

        Args:
            wait: Function that returns when the step's results are there.

        Returns:
            Whether there is more to do.
        """
        self._left -= 1
        if self._left:
            return True
        wait()
        print(json.dumps(self._answer()), flush=True)
        line = sys.stdin.readline()
        if not line.strip():
            return False
        self._repeats = self._left = int(line)
        _return_freed_memory()
        _forget_peak()
        self._held = _resident_megabytes("VmRSS")
        self._started = time.perf_counter(), time.process_time()
        return True

    def _answer(self):
        if self._started is None:
            return {}
        wall, cpu = self._started
        peak = _resident_megabytes("VmHWM")
        return {
            "wall": (time.perf_counter() - wall) / self._repeats,
            "cpu": (time.process_time() - cpu) / self._repeats,
            "megabytes": None if peak is None else peak - self._resident,
            "step_megabytes": None if peak is None else peak - self._held,
        }


def serve(work, warm_up=1):
    """Answers a `Contender`'s requests by calling `work()`, which returns when it is done."""
    requests = Requests(warm_up)
    work()
    while requests.step_done(lambda: None):
        work()


def _resident_megabytes(field):
    """Returns how much memory this process holds (VmRSS) or held at most (VmHWM)."""
    status = pathlib.Path("/proc/self/status")
    if not status.exists():
        return None
    return int(status.read_text().partition(f"{field}:")[2].split()[0]) / 1024


def _return_freed_memory():
    """Gives back to the system what is freed: compiling took much, and C's allocator keeps it."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _forget_peak():
    """Lets VmHWM start again from what is held now: compiling may have taken more."""
    try:
        pathlib.Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        pass


def take_turns(contenders, rounds, repeats):
    """Asks contenders in turn, then ends them.

    Args:
        contenders: Dict of `Contender`s by name.
        rounds: Integer.
        repeats: Integer, of each contender in each round.

    Returns:
        Dict of lists of answers, one per round, by name.
    """
    times = {name: [] for name in contenders}
    try:
        for _ in range(rounds):
            for name, contender in contenders.items():
                times[name].append(contender.run(repeats))
        return times
    finally:
        for contender in contenders.values():
            contender.close()


def summary(values):
    """Returns the median, the smallest and the largest of some numbers, as a dict."""
    values = list(values)
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def summary_of_answers(answers):
    """Summarises what a contender answered over the rounds, by kind; memory may be unknown."""
    kinds = {kind: [answer[kind] for answer in answers] for kind in answers[0]}
    return {kind: None if None in values else summary(values) for kind, values in kinds.items()}


def speed_ratio(times, name, baseline, kind):
    """Summarises how many times as fast as a baseline a contender is, round by round."""
    pairs = zip(times[name], times[baseline], strict=True)
    return summary(slow[kind] / fast[kind] for fast, slow in pairs)


def ratio_text(ratio):
    """`1.05 (1.01-1.09)`: the median and the spread of a ratio."""
    return f"{ratio['median']:.2f} ({ratio['min']:.2f}-{ratio['max']:.2f})"


def describe_machine(*packages):
    """Returns the machine, the date and the versions of packages in one line."""
    versions = []
    for package in packages:
        try:
            versions.append(f"{package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            versions.append(f"{package} absent")
    return (
        f"{processor_name()}, {num_cores()} cores, {platform.system()}, Python "
        f"{platform.python_version()}, {', '.join(versions)}; {datetime.date.today()}"
    )


def is_installed(name, *packages):
    """Returns whether all packages are; if not, prints that `name` is left out."""
    missing = [package for package in packages if importlib.util.find_spec(package) is None]
    if missing:
        print(f"{name}: left out, {', '.join(missing)} not installed.", flush=True)
    return not missing


def free_gigabytes():
    """Returns how much memory the machine has left, or `None` where it does not tell."""
    meminfo = pathlib.Path("/proc/meminfo")
    if not meminfo.exists():
        return None
    return int(meminfo.read_text().partition("MemAvailable:")[2].split()[0]) / 1e6


def num_cores():
    """Returns how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def processor_name():
    cpuinfo = pathlib.Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def table(header, rows):
    """Returns a Markdown table.

    Args:
        header: List of strings.
        rows: List of lists of strings; all columns but the first are aligned right.
    """
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def write_results(name, title, setup, tables, numbers):
    """Prints a benchmark's tables and writes them into `results/`, with all numbers as JSON.

    Args:
        name: String, the files' name.
        title: String.
        setup: String: device, versions, shapes, repeats.
        tables: List of Markdown tables and paragraphs.
        numbers: JSON value.
    """
    text = "\n\n".join([f"# {title}", setup, *tables]) + "\n"
    print(text, flush=True)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.md").write_text(text)
    record = {"setup": setup, "numbers": numbers}
    (RESULTS / f"{name}.json").write_text(json.dumps(record, indent=1) + "\n")
