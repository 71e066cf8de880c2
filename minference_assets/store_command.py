"""
`minference store`: is the store what it should be, make it again, take content out of it.

Heavy imports are inside the commands, as in `cli.py`.
"""

import getpass
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import click

if TYPE_CHECKING:
    from minference_core.lineage import Made, Redaction
    from minference_core.store.check import Findings

__all__ = ["store"]

_FAILED = 1


@click.group()
def store() -> None:
    """The DuckDB file itself: check it, make it again, redact what it says."""


@store.command()
@click.option("--deep", is_flag=True, help="Also make every version again, and its id and hash with it.")
def check(*, deep: bool) -> None:
    """
    Do segments and tables agree, and is everything there that is referred to?

    Each problem is a line: table, id, what is wrong, what to do. Exit code 1 if there is one. Reads the
    published file and locks nobody out; while another process folds, the two files are not compared.
    """
    found = _found(deep=deep)
    for note in found.notes:
        click.echo(f"note: {note}")
    for problem in found.problems:
        click.echo(str(problem))
    if found.problems:
        raise click.exceptions.Exit(_FAILED)
    click.echo("the store is sound" + (": every version is what its id says" if deep else ""))


@store.command()
def rebuild() -> None:
    """
    Make the store again from specs and exchanges.

    What only the store has, programs' versions and redactions among it, is taken over from the present file,
    which stays until the new one is whole and checked.
    """
    from minference_assets.assets.entity_versions import CODE_VERSION
    from minference_assets.settings import data_folder
    from minference_core.lineage import rebuild

    report = rebuild(data_folder(), list(_partitions()), code_version=CODE_VERSION, progress=click.echo)
    for reason in report.left_out:
        click.echo(f"kept as it was: {reason}")
    taken_over = sum(report.taken_over.values())
    click.echo(
        f"made {sum(report.made.values()):,} rows of {report.partitions} partitions again, "
        f"and took over {taken_over:,} that only the earlier file had"
    )


@store.command()
@click.argument("version", metavar="MESSAGE_OR_VERSION_ID", type=click.UUID)
@click.option("--reason", required=True, help="Why; it is kept, so it must not say what it is to hide.")
@click.option("--by", help="Whose decision it is; whoever runs this, if not said.")
def redact(version: UUID, reason: str, by: str | None) -> None:
    """
    Put a tombstone in the place of what a message, or all of a thread's version, says.

    Ids, lineage, tokens and dollars stay. The table redaction keeps who, when and why. The files beside the
    store that may still hold the text are named: they are what answers are made again from, and stay.
    """
    from minference_assets.settings import data_folder
    from minference_core.lineage import redact

    done = redact(data_folder(), version, reason=reason, by=by or getpass.getuser())
    for table, row in done.rows:
        click.echo(f"redacted {table} {row}")
    for table, row in done.still_said:
        click.echo(f"warning: {table} {row} says the same, and is another's: redact it too, if it is to go")
    for path in _holding(data_folder(), done):
        click.echo(f"warning: {path} may still hold it")


def _found(*, deep: bool) -> "Findings":
    from minference_assets.settings import data_folder
    from minference_core.lineage import check_versions
    from minference_core.store.check import check_inbox, check_published, check_tables
    from minference_core.store.place import Place

    place = Place(data_folder())
    found = check_tables(place) + check_inbox(place) + check_published(place, whole_rows=deep)
    return found + check_versions(place.published) if deep else found


def _partitions() -> "Iterator[Made]":
    from minference_assets.loading import load_datasets
    from minference_assets.partitions import partition
    from minference_assets.resources import Lake
    from minference_core.lineage import Made

    lake = Lake()
    for dataset in load_datasets():
        for key in lake.partitions_with_exchanges(dataset.name):
            source = lake.source(partition(dataset.name, key, dataset.partitions), dataset.defaults)
            yield Made(source, lake.exchanges(dataset.name, key), lake.journal(dataset.name, key))


def _holding(data: Path, done: "Redaction") -> list[Path]:
    """What there is beside the store of the conversations that had the text."""
    found = [data / "library"] if done.of_programs else []
    found += [data / "exports" / dataset for dataset in dict(done.partitions)]
    for dataset, key in done.partitions:
        for kind in ("thread_specs", "requests", "journal", "exchanges", "transcripts"):
            found += sorted((data / kind / dataset).glob(f"{key}*"))
    return [path for path in (*found, *sorted((data / "inbox").glob(".rejected-*"))) if path.exists()]
