"""A tool made from text can hang, grow, crash or lie: it is stopped and reported, and harms nothing else."""

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from minference_core.errors import ToolError, ToolFailed, ToolStopped
from minference_core.tools import CallableRegistry, CallableTool, SandboxLimits
from minference_core.tools.sandbox import channel, process
from minference_core.tools.sandbox.pool import ProcessPool
from minference_core.tools.sandbox.syscalls import INSTRUCTION_SIZE, filter_program

ROOT = Path(__file__).parents[3]
QUICK = SandboxLimits(timeout_s=0.5)

linux = pytest.mark.skipif(sys.platform != "linux", reason="rests on Linux's kernel")


def tool(text: str, limits: SandboxLimits | None = None) -> CallableTool:
    """The function `f` in the text."""
    return CallableTool.from_source("import os, sys, time\n" + text, name="f", limits=limits)


def run(text: str, limits: SandboxLimits | None = None, **arguments: Any) -> Any:
    CallableRegistry.clear()
    return tool(text, limits).execute(arguments)["result"]


# Runs what it is given: many tests share its process, as no two texts would.
PROBE = """
import multiprocessing, os, resource, subprocess, sys, textwrap, threading, time

def f(code: str, path: str) -> Any:
    names = {**globals(), "path": path}
    exec("def body():\\n" + textwrap.indent(code, "    "), names)
    return names["body"]()
"""


def probe(code: str, path: object = "", limits: SandboxLimits | None = None, s: float | None = None) -> Any:
    """The result of these lines; what they raise is a failed call of `f`."""
    made = CallableTool.from_source(PROBE, limits=limits)
    return made.execute({"code": code, "path": str(path)}, timeout_s=s)["result"]


def is_gone(pid: int, within_s: float = 5.0) -> bool:
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state == "Z":  # ended, and nobody has looked yet
            return True
        time.sleep(0.02)
    return False


# ── it is stopped ─────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("while True: pass", id="busy"),
        pytest.param("import re\nre.match('(a+)+$', 'a' * 64 + 'b')", id="inside one call of C"),
        pytest.param(
            "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
            "while True:\n    try: time.sleep(1)\n    except BaseException: pass",
            id="will not go",
        ),
    ],
)
def test_what_hangs_is_stopped_in_time_and_the_next_call_is_served(body: str) -> None:
    """Q2: resource limits."""
    pid = probe("return os.getpid()")

    began = time.monotonic()
    with pytest.raises(ToolStopped, match=r"Error executing f: no result after 0\.3 s: it was stopped"):
        probe(body, s=0.3)

    assert time.monotonic() - began < 5
    assert is_gone(pid)
    assert probe("return os.getpid()") != pid


def test_text_that_hangs_when_it_is_first_run() -> None:
    with pytest.raises(ToolError, match="Failed to parse function: no result after"):
        tool("while True: pass\ndef f() -> int: return 1", QUICK)


def test_the_time_can_be_given_with_the_call() -> None:
    nap = {"code": "time.sleep(5)", "path": ""}
    assert probe("time.sleep(0.2)\nreturn 1", s=5) == 1

    with pytest.raises(ToolStopped, match=r"no result after 0\.1 s"):
        CallableRegistry.execute("f", nap, timeout_s=0.1)
    with pytest.raises(ToolStopped, match="Error executing f asynchronously"):
        asyncio.run(CallableTool.from_registry("f").aexecute(nap, timeout_s=0.1))


@linux
@pytest.mark.parametrize(
    "body",
    [
        pytest.param("return len('a' * 10**10)", id="at once"),
        pytest.param("kept = []\nwhile True: kept.append('a' * 1000 + str(len(kept)))", id="bit by bit"),
    ],
)
def test_what_allocates_without_bound_is_stopped(body: str) -> None:
    """Q2: resource limits."""
    small = SandboxLimits(memory_mb=128)
    pid = probe("return os.getpid()", limits=small)

    with pytest.raises(ToolStopped, match="it ran out of memory: it may use 128 MiB"):
        probe(body, limits=small)

    assert probe("return os.getpid()", limits=small) != pid, "its memory is not trusted any more"


@linux
def test_threads_without_bound_end_in_an_error() -> None:
    many = "while True: threading.Thread(target=time.sleep, args=(60,), daemon=True).start()"

    with pytest.raises(ToolFailed, match=r"can't start new thread|out of memory"):
        probe(many, limits=SandboxLimits(memory_mb=128))


@linux
def test_processor_time_has_an_end_even_where_real_time_has_none() -> None:
    with pytest.raises(ToolStopped, match="it used more than 1 s of processor time"):
        run("def f() -> int:\n    while True: pass", SandboxLimits(cpu_s=1, timeout_s=60))


@linux
def test_files_have_a_largest_size() -> None:
    with pytest.raises(ToolFailed, match="File too large"):
        run("def f() -> int:\n    return open('big', 'wb').write(b'a' * 2**21)", SandboxLimits(file_mb=1))


@linux
def test_recursion_without_bound_ends_in_an_error() -> None:
    with pytest.raises(ToolFailed):
        run(
            "def f() -> int:\n    sys.setrecursionlimit(10**9)\n    return f()",
            SandboxLimits(memory_mb=32),
        )


def test_endless_recursion_is_an_error_like_any_other() -> None:
    pid = probe("return os.getpid()")

    with pytest.raises(ToolFailed, match="maximum recursion depth exceeded"):
        probe("def again(): return again()\nagain()")

    assert probe("return os.getpid()") == pid


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("os._exit(3)", r"its process ended without an answer \(exit code 3\)"),
        ("sys.exit(4)", "SystemExit: 4"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("os.kill(os.getpid(), 9)", "its process was killed by SIGKILL"),
        ("import ctypes; ctypes.string_at(0)", "its process was killed by SIGSEGV"),
        ("os.closerange(0, 256)", "its process (ended without an answer|closed the line)"),
    ],
)
def test_a_text_that_ends_its_process_is_reported(body: str, said: str) -> None:
    with pytest.raises(ToolFailed, match=f"^Error executing f: {said}"):
        probe(body)


def test_a_process_killed_from_outside_is_reported_and_replaced() -> None:
    pid = probe("return os.getpid()")
    threading.Timer(0.2, os.kill, (pid, signal.SIGKILL)).start()
    with pytest.raises(ToolStopped, match="its process was killed by SIGKILL"):
        probe("time.sleep(30)")

    idle = probe("return os.getpid()")
    os.kill(idle, signal.SIGKILL)
    assert is_gone(idle)
    assert probe("return os.getpid()") not in (pid, idle)


# ── it cannot reach out ───────────────────────────────────────────────────────


def test_it_sees_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")

    seen = run("def f() -> dict[str, str]:\n    return dict(os.environ)")  # a process of its own, made now

    assert "sk-secret" not in seen.values()
    assert not [name for name in seen if "KEY" in name or "MINFERENCE" in name]


@linux
def test_it_has_no_open_file_of_the_program(tmp_path: Path) -> None:
    held = os.open(tmp_path / "held", os.O_CREAT | os.O_RDWR)
    os.set_inheritable(held, True)

    targets = run(
        "def f() -> list[str]:\n    d = '/proc/self/fd/'\n"
        "    return [os.readlink(d + n) for n in os.listdir(d) if os.path.lexists(d + n)]"
    )
    os.close(held)

    assert not [target for target in targets if str(tmp_path) in target]
    assert sum(target.startswith("socket:") for target in targets) == 1, "the line to us"


@linux
@pytest.mark.parametrize(
    "body",
    [
        "return open(path).read()",
        "open(path, 'w').write('x')",
        "os.remove(path)",
        "os.chmod(path, 0o777)",
        "os.rename(path, path + '2')",
        "os.symlink(path, '/tmp/link-to-it')",
        "os.mkdir(os.path.dirname(path) + '/d')",
        "return os.listdir(os.path.dirname(path))",
        "return open('/etc/shadow').read()",
        "return open(f'/proc/{os.getppid()}/environ').read()",
        "return open(f'/proc/{os.getppid()}/mem', 'rb').read(1)",
    ],
)
def test_it_cannot_read_or_change_files_outside_its_folder(body: str, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("sk-secret")

    with pytest.raises(ToolFailed, match=r"Permission denied|not permitted"):
        probe(body, secret)

    assert secret.read_text() == "sk-secret"
    assert [each.name for each in tmp_path.iterdir()] == ["secret"]


@linux
def test_it_reads_the_folders_it_is_given_and_writes_its_own(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("given")
    text = f"""
def f() -> list[str]:
    with open("own", "w") as own: own.write(open({str(tmp_path / "data")!r}).read())
    os.mkdir("d"); os.rename("own", "d/own")
    return [open("d/own").read(), os.getcwd()]
"""
    read, folder = run(text, SandboxLimits(readable=(str(tmp_path),)))

    assert read == "given"
    assert Path(folder).is_dir()
    process._kill_all()
    assert not Path(folder).exists()


@linux
@pytest.mark.parametrize(
    "body",
    [
        "return os.fork()",
        "return subprocess.run(['/bin/true']).returncode",
        "return os.posix_spawn('/bin/true', ['true'], {})",
        "return os.execv('/bin/true', ['true'])",
        "return multiprocessing.get_context('fork').Process(target=print).start()",
        "os.kill(os.getppid(), 15)",
        "os.kill(-1, 15)",
        "resource.setrlimit(resource.RLIMIT_AS, (-1, -1))",
        "resource.prlimit(0, resource.RLIMIT_NPROC, (5, 5))",
    ],
)
def test_it_can_neither_start_processes_nor_reach_others(body: str) -> None:
    """Q1: security; Q3: what it may not do is a ValueError."""
    with pytest.raises(ValueError, match=r"not permitted|not allowed"):
        probe(body)


@linux
def test_a_fork_bomb_makes_no_process() -> None:
    bomb = """
made = 0
for _ in range(10_000):
    try: made += os.fork() >= 0
    except OSError: pass
return made
"""
    assert probe(bomb) == 0


@linux
def test_q1_os_system_runs_nothing() -> None:
    assert probe("os.system('touch made')\nreturn os.listdir('.')") == []


def test_one_text_cannot_touch_another() -> None:
    probe("import statistics\nstatistics.mean = lambda _: 'mine'")
    CallableTool.from_source("import statistics\ndef g() -> float: return statistics.mean([1, 3])")

    assert probe("import statistics\nreturn statistics.mean([1, 3])") == "mine"
    assert CallableRegistry.execute("g", {}) == {"result": 2}


@linux
def test_it_can_use_threads_and_the_libraries_installed() -> None:
    text = """
import asyncio, statistics, zoneinfo, polars
async def f() -> list[float]:
    zoneinfo.ZoneInfo("Europe/Rome")
    return [await asyncio.to_thread(statistics.mean, [1, 2]), polars.Series([1.0, 2.0]).sum()]
"""
    assert run(text) == [1.5, 3.0]


def test_on_an_unknown_architecture_there_is_no_filter_and_it_is_said_once(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "_warned", set[str]())
    for machine in ("x86_64", "aarch64"):
        program = filter_program(machine, pid=1, refused=1, unknown=38)
        assert program is not None
        assert len(program) % INSTRUCTION_SIZE == 0

    assert filter_program("riscv64", pid=1, refused=1, unknown=38) is None
    for _ in range(2):
        process._warn(["starting processes"])
    assert [record.getMessage() for record in caplog.records if "sandbox" in record.name] == [
        "this system does not keep tools made from text from starting processes"
    ]


# ── it cannot lie ─────────────────────────────────────────────────────────────


def test_what_it_prints_is_no_part_of_the_answer() -> None:
    noisy = (
        "print('{\"result\": 2}' * 1000)\n"
        "os.write(1, b'x' * 9); os.write(2, b'y'); sys.stdin.read()\n"
        "return 1"
    )

    assert [probe(noisy) for _ in range(3)] == [1, 1, 1]


@linux
def test_what_it_writes_on_the_line_itself_is_an_error_at_worst() -> None:
    lie = """
    folder = "/proc/self/fd/"
    names = [n for n in os.listdir(folder) if os.path.lexists(folder + n)]
    line = next(n for n in names if "socket" in os.readlink(folder + n))
    os.write(int(line), bytes.fromhex(path))
"""
    for said in (
        b"\x00\x00\x00\x05hello",  # no JSON
        b"\x00\x00\x00\x02{}",  # no result
        b'\x00\x00\x00\x0f{"result": NaN}',
        b'\x00\x00\x00\x2a{"result": {}, "cpu_s": "x", "error": [1]}',
        b"\xff\xff\xff\xff",  # far too long
    ):
        with pytest.raises(ToolFailed):
            probe(textwrap.dedent(lie), said.hex())
    assert probe("return 1") == 1


def test_a_huge_result_is_refused_and_a_large_one_is_not() -> None:
    large = tool("def f(n: int) -> str:\n    return 'a' * n", SandboxLimits(result_mb=2))

    assert len(large.execute({"n": 2_000_000})["result"]) == 2_000_000
    with pytest.raises(ToolFailed, match=r"its result has .* bytes; it may have 2 MiB"):
        large.execute({"n": 3_000_000})
    assert large.execute({"n": 1}) == {"result": "a"}


def test_huge_arguments_are_refused_and_large_ones_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel, "LONGEST", 10_000_000)

    assert probe("return len(path)", "a" * 5_000_000) == 5_000_000
    with pytest.raises(ToolFailed, match="its arguments cannot be handed over"):
        probe("return len(path)", "a" * 11_000_000)
    with pytest.raises(ToolFailed, match="its arguments are no JSON"):
        CallableRegistry.execute("f", {"code": object()})


def test_a_huge_error_is_cut() -> None:
    with pytest.raises(ToolFailed) as caught:
        probe("raise ValueError('a' * 10**7)")

    assert len(str(caught.value)) < 20_000


# ── many at once ──────────────────────────────────────────────────────────────

PID = "def f(n: int) -> list[int]:\n    time.sleep(0.02)\n    return [n, os.getpid()]"


def test_a_process_is_kept_for_the_next_call() -> None:
    """Q7: a call in a process that is there takes milliseconds."""
    first = probe("return os.getpid()")

    began = time.perf_counter()
    for _ in range(10):
        assert CallableRegistry.execute("f", {"code": "return os.getpid()", "path": ""})["result"] == first

    assert (time.perf_counter() - began) / 10 < 0.1


def test_a_call_that_leaves_something_running_costs_its_process() -> None:
    leave = "threading.Thread(target=time.sleep, args=(60,), daemon=True).start()\nreturn os.getpid()"

    first, second = probe(leave), probe("return os.getpid()")

    assert first != second
    assert is_gone(first)


def test_twenty_calls_at_once_from_threads_and_from_two_event_loops() -> None:
    """Q4: concurrent use."""
    many = tool(PID)

    async def twenty(first: int) -> list[Any]:
        return list(await asyncio.gather(*(many.aexecute({"n": n}) for n in range(first, first + 20))))

    with ThreadPoolExecutor(22) as threads:
        loops = [threads.submit(asyncio.run, twenty(first)) for first in (100, 200)]
        plain = [threads.submit(many.execute, {"n": n}) for n in range(20)]
    results = [*(each.result()["result"] for each in plain)]
    results += [said["result"] for loop in loops for said in loop.result()]

    assert [n for n, _ in results] == [*range(20), *range(100, 120), *range(200, 220)]
    assert 1 < len({pid for _, pid in results}) <= 4


def hanging() -> tuple[CallableTool, CallableTool]:
    """A tool that hangs, and one that does not."""
    return (
        tool("def f() -> int:\n    time.sleep(60)\n    return 0"),
        CallableTool.from_source("def g() -> int: return 1"),
    )


def test_one_tool_that_hangs_leaves_room_for_others() -> None:
    hangs, other = hanging()

    async def both() -> float:
        waiting = [asyncio.create_task(hangs.aexecute({})) for _ in range(20)]
        await asyncio.sleep(0.3)
        began = time.monotonic()
        assert await other.aexecute({}) == {"result": 1}
        for each in waiting:
            each.cancel()
        return time.monotonic() - began

    assert asyncio.run(both()) < 10


def test_one_tool_that_hangs_leaves_room_for_other_threads() -> None:
    hangs, other = hanging()

    with ThreadPoolExecutor(10) as threads:
        waiting = [threads.submit(hangs.execute, {}) for _ in range(5)]
        time.sleep(0.3)
        began = time.monotonic()
        assert other.execute({}) == {"result": 1}
        waited = time.monotonic() - began
        while not all(each.done() for each in waiting):  # enough of that
            for alive in list(process._alive):
                alive.kill()
            time.sleep(0.05)

    assert waited < 10
    assert all(isinstance(each.exception(), ToolStopped) for each in waiting)


def test_a_caller_that_is_cancelled_ends_the_call() -> None:
    pid = probe("return os.getpid()")
    made = CallableTool.from_registry("f")

    async def give_up() -> None:
        await asyncio.wait_for(made.aexecute({"code": "time.sleep(60)", "path": ""}), timeout=0.2)

    with pytest.raises(TimeoutError):
        asyncio.run(give_up())

    assert is_gone(pid)
    assert probe("return os.getpid()") != pid


def test_only_a_few_idle_processes_are_kept(own_pool: ProcessPool) -> None:
    pids = []
    for n in range(3):
        key = f"import os\ndef f{n}() -> int: return os.getpid()", SandboxLimits()
        pids.append(own_pool.ask(key, "call", {"entry": f"f{n}", "arguments": {}}, called="f")["result"])

    assert [is_gone(pid, within_s=0.1) for pid in pids] == [True, False, False]


@pytest.fixture
def own_pool() -> Iterator[ProcessPool]:
    yield ProcessPool(kept=2)
    process._kill_all()


# ── the end of the program ────────────────────────────────────────────────────

HANGS = """
import os, signal, subprocess, sys, threading, time
from minference_core.tools import CallableTool
tool = CallableTool.from_source("import os, time\\ndef f(s: float) -> list: "
    "time.sleep(s); return [os.getpid(), os.getcwd()]")
print(*tool.execute({"s": 0})["result"], flush=True)

def hang():
    try: tool.execute({"s": 60})
    except ValueError: pass
"""


def python(script: str, **environment: str) -> subprocess.CompletedProcess[str]:
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **environment}
    return subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=env, timeout=60, check=False
    )


@pytest.mark.parametrize(
    "end",
    [
        pytest.param(
            "threading.Thread(target=hang, daemon=True).start(); time.sleep(0.2)",
            id="with one at work",
        ),
        pytest.param(
            "threading.Thread(target=hang, daemon=True).start(); time.sleep(0.2)\n"
            "os.kill(os.getpid(), signal.SIGKILL)",
            id="by SIGKILL",
        ),
    ],
)
def test_no_process_outlives_the_program(end: str) -> None:
    began = time.monotonic()
    done = python(HANGS + end)

    pid, folder = done.stdout.split()
    assert time.monotonic() - began < 20
    assert is_gone(int(pid))
    if "SIGKILL" in end:
        Path(folder).rmdir()
    else:
        assert (done.returncode, done.stderr) == (0, "")
        assert not Path(folder).exists()


def test_a_thread_that_ends_takes_no_process_with_it() -> None:
    """Linux ends a process with the thread that started it."""
    kept = tool(PID)
    pids: list[Any] = []
    process._kill_all()

    thread = threading.Thread(target=lambda: pids.append(kept.execute({"n": 1})))
    thread.start()
    thread.join()
    time.sleep(0.1)

    assert kept.execute({"n": 1}) == pids[0]


def test_after_a_fork_both_go_on_alone() -> None:
    done = python(
        HANGS
        + "child = os.fork()\n"
        + "print(tool.execute({'s': 0})['result'][0], flush=True)\n"
        + "if child: os.waitpid(child, 0)\n"
        + "else: time.sleep(0.1)\n"
        + "if child: print(tool.execute({'s': 0})['result'][0], flush=True)\n"
    )

    assert (done.returncode, done.stderr) == (0, "")
    before, _, *after = done.stdout.split()
    assert sorted(after, key=lambda pid: pid != before)[:2] == [before, before]
    assert len(set(after)) == 2


def test_nothing_is_left_of_a_text_that_cannot_be_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    alive = set(process._alive)

    with pytest.raises(ToolError):
        tool("raise RuntimeError('no')")

    assert list(tmp_path.iterdir()) == []
    assert set(process._alive) <= alive
