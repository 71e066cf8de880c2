"""
Where Dagster keeps its runs, and which of the runs in it were left behind by a process that is gone.

A run of the command line has nobody who watches over it: if it is killed, Dagster would believe for ever that
it goes on, and its place in the pool `store` would stay taken.
"""

import contextlib
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
from filelock import FileLock, Timeout

from minference_assets.project import project_root
from minference_assets.run_tags import PROCESS

__all__ = ["claimed", "forget_dead_runs", "located", "prepare"]

HOME_VARIABLE = "DAGSTER_HOME"
_LOCKS = "minference_processes"


def located(start: Path) -> Path:
    """`DAGSTER_HOME`: exported, it wins; else the project's `.dagster`. Nothing is made."""
    exported = os.environ.get(HOME_VARIABLE, "").strip()
    return Path(exported).expanduser().resolve() if exported else project_root(start) / ".dagster"


def prepare(start: Path) -> Path:
    """
    Settle `DAGSTER_HOME` for this process and its children.

    Exported, it wins; one without a `dagster.yaml` gets a copy of the project's, since without it pools would
    admit everyone and runs would be unbounded.

    Args:
        start: The working directory.
    """
    ours = project_root(start) / ".dagster"
    home = located(start)
    home.mkdir(parents=True, exist_ok=True)
    if not (home / "dagster.yaml").exists() and (ours / "dagster.yaml").exists():
        shutil.copyfile(ours / "dagster.yaml", home / "dagster.yaml")
    os.environ[HOME_VARIABLE] = str(home)
    os.environ.setdefault("DAGSTER_DISABLE_TELEMETRY", "1")
    return home


@contextlib.contextmanager
def claimed(home: Path) -> Iterator[dict[str, str]]:
    """The tags for this process's runs. The lock behind them is let go of however the process ends."""
    token = uuid.uuid4().hex
    file = home / _LOCKS / f"{token}.lock"
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(file, fallback_to_soft=False):
            yield {PROCESS: token}
    finally:
        file.unlink(missing_ok=True)


def forget_dead_runs(instance: dg.DagsterInstance, home: Path) -> int:
    """
    Mark what a killed command line left behind as failed, and give its places back.

    Returns:
        How many runs that were.
    """
    dead = 0
    for run in instance.get_runs(filters=dg.RunsFilter(statuses=_UNFINISHED)):
        token = run.tags.get(PROCESS)
        if token is None or _is_alive(home / _LOCKS / f"{token}.lock"):
            continue
        instance.report_run_failed(run, "the process that ran this was killed; run it again to go on")
        dead += 1
    _give_back_places(instance)
    return dead


def _give_back_places(instance: dg.DagsterInstance) -> None:
    """Finished runs hold none. (Only Dagster's daemon would see to that, and it may not be running.)"""
    storage = instance.event_log_storage
    holders = list(storage.get_concurrency_run_ids())
    if not holders:
        return
    for run in instance.get_runs(filters=dg.RunsFilter(run_ids=holders)):
        if run.is_finished:
            storage.free_concurrency_slots_for_run(run.run_id)


def _is_alive(lock: Path) -> bool:
    if not lock.exists():
        return False
    try:
        with FileLock(lock, timeout=0, fallback_to_soft=False):
            pass
    except Timeout:
        return True
    lock.unlink(missing_ok=True)
    return False


_UNFINISHED = [
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
