"""
`minference fork`: versions of conversations become the thread specs of a partition of their own.

Heavy imports are inside the function, as in `cli.py`.
"""

import json
from pathlib import Path
from typing import Any

import click

__all__ = ["fork"]

_FAILED = 1


@click.command()
@click.argument("dataset")
@click.argument("partition")
@click.option("--select", required=True, metavar="SQL", help="Its column id names the versions of threads.")
@click.option(
    "--then", is_flag=True, help="Say --prompt after the last reply, not in place of the last question."
)
@click.option(
    "--prompt", help="What is said instead of the last question, or with --then after the last reply."
)
@click.option("--client", help="Whom to ask instead.")
@click.option("--model", help="Which model to ask instead.")
@click.option("--max-tokens", type=click.IntRange(1), help="The most tokens of a reply.")
@click.option("--system-prompt", help="Under which instruction instead.")
@click.option("--samples", type=click.IntRange(1), help="How many conversations to hold from each version.")
@click.option(
    "--set", "others", multiple=True, metavar="COLUMN=VALUE", help="Any other spec column; VALUE may be JSON."
)
def fork(
    dataset: str, partition: str, select: str, *, then: bool, others: tuple[str, ...], **given: Any
) -> None:
    """
    Go on from versions that a query selects, as a partition of its own: PARTITION of DATASET.

    Without --prompt the last question is asked again. The query may select spec columns besides id, for its
    row: prompt, model, thread_key (the version's id if it does not), meta_anything.

    Nothing is sent: look at `minference plan`, then `minference run`.
    """
    from minference_assets import console, session
    from minference_assets.hints import path_from_here, typed_as
    from minference_assets.runs import UnknownDataset, UnknownPartition
    from minference_core.lineage import fork_specs

    changes = {name: value for name, value in given.items() if value is not None} | dict(map(_column, others))
    screen = console.open_console()
    with session.opened(screen) as opened:
        try:
            opened.workspace.choose(dataset, [partition], keys=[partition])
        except (UnknownDataset, UnknownPartition) as error:
            raise click.UsageError(str(error)) from None
        target: Path = opened.lake.thread_specs(dataset, partition) / "fork.parquet"
        report = fork_specs(opened.lake.published, select, target, then=then, changes=changes)
    for reason, count in sorted(report.refused.items(), key=lambda found: -found[1]):
        screen.print(f"  {count} not forked: {reason}", markup=False)
    if not report.forked:
        screen.print("nothing was forked", markup=False)
        raise click.exceptions.Exit(_FAILED)
    screen.print(f"wrote {report.forked} forks to {path_from_here(target)}", markup=False)
    screen.print(f"next: {typed_as()} plan {dataset} {partition}", markup=False)
    if report.refused:
        raise click.exceptions.Exit(_FAILED)


def _column(said: str) -> tuple[str, Any]:
    name, equals, text = said.partition("=")
    if not equals:
        raise click.UsageError(f"--set {said}: write COLUMN=VALUE")
    try:
        return name, json.loads(text)
    except ValueError:
        return name, text
