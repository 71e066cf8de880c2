"""
The command `minference`: reads arguments, calls, prints.

Heavy imports are inside the commands: `minference --help` must not wait for Dagster.
"""

import errno
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from minference_assets.budget_options import with_budget
from minference_assets.budgets_command import budgets
from minference_assets.export_command import export
from minference_assets.fork_command import fork
from minference_assets.looking import lineage, show
from minference_assets.requests_command import requests
from minference_assets.store_command import store
from minference_core.errors import ConfigError, MinferenceError

if TYPE_CHECKING:
    from decimal import Decimal

    from rich.console import Console

    from minference_assets.session import Session, Simulate
    from minference_core.simulator import SimulatorSettings

__all__ = ["cli", "main"]

_FAILED, _BAD_INPUT = 1, 2

_IN_USE = "{host}:{port} is in use: choose another port with --port, or end what is using this one"


def main() -> None:
    """The entry point: exit code 0 all well, 1 something failed, 2 bad usage or input."""
    from minference_assets.settings import load_env_file

    load_env_file(Path.cwd())
    try:
        code = cli.main(standalone_mode=False)
    except click.Abort:
        click.echo("stopped", err=True)
        code = _FAILED
    except click.ClickException as error:
        error.show()
        code = _BAD_INPUT
    except MinferenceError as error:
        click.echo(f"Error: {error}", err=True)
        code = _BAD_INPUT if isinstance(error, ConfigError) else _FAILED
    sys.exit(code if isinstance(code, int) else 0)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """Thread specs in Parquet, priced and rate-limited conversations, every version in DuckDB."""


cli.add_command(budgets)
cli.add_command(fork)
cli.add_command(requests)
cli.add_command(export)
cli.add_command(store)
cli.add_command(show)
cli.add_command(lineage)


def _selection(command: Callable[..., Any]) -> Callable[..., Any]:
    for decorate in (
        click.option("--to", "last", metavar="PARTITION", help="The last partition."),
        click.option("--from", "first", metavar="PARTITION", help="The first partition."),
        click.argument("partitions", nargs=-1, metavar="[PARTITION]..."),
        click.argument("dataset", required=False),
    ):
        command = decorate(command)
    return command


_whether_to_simulate = click.option(
    "--simulate",
    type=click.Choice(["auto", "always", "never"]),
    default="auto",
    show_default=True,
    help="Ask a local simulator: auto does when no provider is configured.",
)


@cli.command()
@_selection
@click.option("--fresh", is_flag=True, help="Ask for everything again; earlier answers are kept.")
@click.option(
    "--retry-errors",
    metavar="CLASSES",
    help="Ask again only what ended so: timeout,rate_limit and the like, or all.",
)
@click.option("--client", default="", help="With --retry-errors: whom to ask instead; needs --model.")
@click.option("--model", default="", help="With --retry-errors: which model to ask instead.")
@click.option("--max-tokens", type=click.IntRange(1), help="With --retry-errors: the most tokens of a reply.")
@with_budget
@_whether_to_simulate
def run(
    dataset: str | None,
    partitions: tuple[str, ...],
    first: str | None,
    last: str | None,
    *,
    fresh: bool,
    retry_errors: str | None,
    client: str,
    model: str,
    max_tokens: int | None,
    budget_usd: "Decimal | None",
    budget_tokens: int | None,
    simulate: "Simulate",
) -> None:
    """
    Hold a dataset's conversations: all steps, from thread specs to lineage.

    Without a DATASET all of them, without a PARTITION all that have thread specs.
    """
    from minference_assets import console, session, settings
    from minference_assets.retries import RetryConfig, nothing_to_retry
    from minference_assets.run_tags import budget_tags

    config = RetryConfig(
        retry_errors=retry_errors.split(",") if retry_errors else [],
        client=client,
        model=model,
        max_tokens=max_tokens,
    )
    retry = config.retry()
    if retry and fresh:
        raise click.UsageError("--fresh asks for everything again, --retry-errors for failures: choose one")
    screen = console.open_console()
    with session.opened(screen) as opened:
        chosen = _chosen(opened, dataset, partitions, first, last)
        with session.simulated(screen, simulate) as simulator:
            if fresh:
                _begin_again(opened, chosen)
            outcomes = opened.run(
                chosen,
                plan_config=config.model_dump() if retry else None,
                tags=budget_tags(budget_usd, budget_tokens),
            )
    console.show_outcomes(screen, outcomes)
    retried = opened.watch.retries
    if retry and retried and not any(report.chosen for report in retried):
        raise click.UsageError(nothing_to_retry(retry.classes, retried))
    console.show_summary(screen, opened.watch)
    answered = _all_answered(screen, opened)
    _show_where(screen, opened, chosen)
    if simulator and not settings.configured_providers():
        screen.print("  export OPENAI_API_KEY=...  and run again: a real provider is asked instead")
    if not (answered and all(outcome.all_well for outcome in outcomes)):
        raise click.exceptions.Exit(_FAILED)


@cli.command()
@_selection
def plan(dataset: str | None, partitions: tuple[str, ...], first: str | None, last: str | None) -> None:
    """What a run would send and cost. Spends nothing."""
    from minference_assets import console, session

    screen = console.open_console()
    with session.opened(screen) as opened, session.as_a_run_would():
        chosen = _chosen(opened, dataset, partitions, first, last)
        outcomes = opened.run(chosen, suffix="_plan")
    console.show_outcomes(screen, outcomes)
    if not all(outcome.all_well for outcome in outcomes):
        raise click.exceptions.Exit(_FAILED)


@cli.command()
def status() -> None:
    """What there is of each dataset's partitions."""
    from minference_assets import console, questions, session

    screen = console.open_console()
    with session.opened(screen) as opened:
        lake, datasets = opened.lake, opened.workspace.datasets
        _warn_of_strays(opened)
    stored = questions.partitions_in_store(lake.published)
    rows = []
    for name in datasets:
        for key in sorted({*lake.partitions_with_specs(name), *(k for d, k in stored if d == name)}):
            standing = stored.get((name, key), questions.Standing())
            rows.append(
                (
                    name,
                    key,
                    _yes(lake.requests(name, key).exists()),
                    _yes(lake.exchanges(name, key).exists()),
                    standing.threads or "",
                    standing.failed or "",
                    _money(standing.paid_usd),
                    _money(standing.simulated_usd),
                )
            )
    names = ("dataset", "partition", "planned", "asked", "conversations", "failed", "paid", "simulated")
    console.show_answer(screen, names, rows)


@cli.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8900, show_default=True, help="0 takes any free port.")
@click.option("--rpm", type=click.IntRange(1), help="Requests a minute; more are refused with 429.")
@click.option("--tpm", type=click.IntRange(1), help="Tokens a minute; more are refused with 429.")
@click.option("--input-tpm", type=click.IntRange(1), help="Uncached input tokens a minute, at Anthropic.")
@click.option("--output-tpm", type=click.IntRange(1), help="Output tokens a minute, at Anthropic.")
@click.option("--settle", is_flag=True, help="Set --tpm off against what an answer did use.")
@click.option("--slots", type=click.IntRange(1), help="Requests worked on at once; the others wait in line.")
@click.option("--overload-after", type=click.IntRange(0), help="How many may wait; more get 503 or 529.")
@click.option("--latency-ms", type=float, default=0.0, show_default=True, help="How long an answer takes.")
@click.option("--latency-jitter", type=float, default=0.0, help="By which fraction that varies.")
@click.option("--fault", "faults", multiple=True, metavar="NAME=PROBABILITY", help="For example 500=0.01.")
@click.option(
    "--storm", "storms", multiple=True, metavar="NAME=LENGTH/PERIOD[@START]", help="For example 429=10s/60s."
)
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--log", type=click.Path(path_type=Path), help="A file that gets one line for each request.")
@click.option(
    "--delivered", type=click.Path(path_type=Path), help="Likewise for each 200 that went out whole."
)
def simulate(
    host: str,
    port: int,
    rpm: int | None,
    tpm: int | None,
    input_tpm: int | None,
    output_tpm: int | None,
    faults: tuple[str, ...],
    storms: tuple[str, ...],
    **given: Any,
) -> None:
    """A local server that speaks OpenAI's and Anthropic's words, with limits and faults."""
    import asyncio

    from minference_core.simulator import SimulatorSettings, parse_fault, parse_storm

    try:
        settings = SimulatorSettings(
            host=host,
            port=port,
            requests_per_minute=rpm,
            tokens_per_minute=tpm,
            input_tokens_per_minute=input_tpm,
            output_tokens_per_minute=output_tpm,
            faults=dict(parse_fault(fault) for fault in faults),
            storms=[parse_storm(storm) for storm in storms],
            **given,
        )
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    try:
        asyncio.run(_simulate(settings))
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise click.ClickException(f"the simulator cannot start: {error}") from None
        raise click.ClickException(_IN_USE.format(host=host, port=port)) from None


@cli.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=3000, show_default=True)
@_whether_to_simulate
def ui(host: str, port: int, simulate: "Simulate") -> None:
    """The Dagster UI and its daemon, until Ctrl-C."""
    import dagster as dg

    from minference_assets import console, home, project, session, settings, ui

    if not ui.is_free(host, port):
        raise click.ClickException(_IN_USE.format(host=host, port=port))
    screen = console.open_console()
    folder = home.prepare(Path.cwd())
    with dg.DagsterInstance.get() as instance:
        home.forget_dead_runs(instance, folder)
    # The UI's runs happen in another folder, and a relative one would mean something else there.
    os.environ[settings.DATA_VARIABLE] = str(settings.data_folder())
    with session.simulated(screen, simulate):
        screen.print(f"http://{host}:{port} will be the UI. Ctrl-C ends it.")
        code = ui.serve(project.project_root(Path.cwd()) / "workspace.yaml", folder, host=host, port=port)
    raise click.exceptions.Exit(_FAILED if code else 0)


@cli.command()
def doctor() -> None:
    """Is everything here that should be?"""
    from minference_assets import console, home
    from minference_assets.doctor import examine

    screen = console.open_console()
    findings = list(examine(home.located(Path.cwd())))
    for finding in findings:
        mark = "[green]ok[/green]  " if finding.ok else "[red]look[/red]"
        screen.print(f"{mark} [bold]{finding.name}[/bold] ", end="")
        screen.print(finding.text, markup=False)
    if not all(finding.ok for finding in findings):
        raise click.exceptions.Exit(_FAILED)


@cli.group()
def new() -> None:
    """Make something new."""


@new.command("dataset")
@click.argument("name")
@click.option("--named", is_flag=True, help="Partitions under free names instead of days.")
@click.option("--from", "first_day", metavar="DAY", help="The first day; today if not said.")
def new_dataset(name: str, *, named: bool, first_day: str | None) -> None:
    """Write the YAML file of a dataset; that is all there is to do."""
    from minference_assets.hints import path_from_here, typed_as
    from minference_assets.new_dataset import write_dataset
    from minference_assets.project import project_root
    from minference_assets.resources import Lake

    if named and first_day is not None:
        raise click.UsageError("--named partitions have no first day: leave out one of --named and --from")
    day = None if named else first_day or datetime.now(UTC).date().isoformat()
    definitions = project_root(Path.cwd()) / "minference_assets" / "defs"
    try:
        file = write_dataset(definitions, name, first_day=day)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    specs = Lake().thread_specs(name, day or "any_name")
    click.echo(f"wrote {path_from_here(file)}")
    click.echo(f"next: put Parquet files into {path_from_here(specs)}")
    click.echo(f"then: {typed_as()} plan {name}")


def _chosen(
    opened: "Session", dataset: str | None, keys: tuple[str, ...], first: str | None, last: str | None
) -> dict[str, list[str]]:
    from minference_assets.runs import UnknownDataset, UnknownPartition
    from minference_assets.session import Selection

    if keys and (first or last):
        raise click.UsageError("name the partitions, or give --from and --to, not both")
    if (first or last) and not dataset:
        raise click.UsageError("--from and --to need a DATASET")
    _warn_of_strays(opened)
    try:
        chosen = opened.chosen(Selection(dataset, keys, first, last))
    except (UnknownDataset, UnknownPartition) as error:
        raise click.UsageError(str(error)) from None
    if not chosen:
        where = opened.lake.thread_specs(dataset or "<dataset>", "<partition>")
        raise click.UsageError(f"there are no thread specs to run: put Parquet files into {where}")
    return chosen


def _warn_of_strays(opened: "Session") -> None:
    for stray in opened.strays():
        opened.console.print("[yellow]warning[/yellow] ", end="")
        opened.console.print(stray, markup=False)


def _begin_again(opened: "Session", chosen: dict[str, list[str]]) -> None:
    for name, keys in chosen.items():
        for key in keys:
            opened.lake.begin_generation(name, key, fresh=True)


def _all_answered(screen: "Console", opened: "Session") -> bool:
    """Whether every thread got an answer; one that came but is no use is a matter for who reads it."""
    from minference_assets.checks import ANSWER_CAME
    from minference_assets.console import show_failures
    from minference_assets.said import latest_words

    reports = opened.watch.reports
    words = latest_words(opened.lake.exchanges(*where) for where in reports)
    show_failures(screen, list(reports.values()), words)
    return not any(
        report.undone or any(name not in ANSWER_CAME for name in report.failures)
        for report in reports.values()
    )


def _show_where(screen: "Console", opened: "Session", chosen: dict[str, list[str]]) -> None:
    """Where the results are, some questions to them with their answers, what to do next."""
    from minference_assets import console, questions
    from minference_assets.hints import typed_as

    published = opened.lake.published
    if not opened.watch.reports or not published.exists():
        return
    screen.print(f"\nResults: {opened.lake.folder}", markup=False)
    screen.print("  minference.duckdb   every version, exchange and dollar: open it with any DuckDB client")
    screen.print("  transcripts/        whole conversations as Parquet and JSON lines")
    dataset, keys = next(iter(chosen.items()))
    for answer in questions.examples(published, dataset, keys[0]):
        console.show_question(screen, answer)
    me = typed_as()
    screen.print("\nNext")
    screen.print(f"  {me} status            what there is of each dataset and partition")
    screen.print(f"  {me} ui                the same as a graph, with schedules and backfills")
    screen.print(f"  {me} new dataset NAME  a dataset of your own")


def _money(amount: "Decimal | None") -> str:
    from minference_assets.metadata import usd

    return "" if amount is None else usd(amount)


def _yes(there: bool) -> str:  # noqa: FBT001 (it is the value, not a switch)
    return "yes" if there else ""


async def _simulate(settings: "SimulatorSettings") -> None:
    """Until SIGINT or SIGTERM; the address is said once it answers."""
    import asyncio

    from minference_core.engine import graceful_stop
    from minference_core.simulator import Simulator

    stop = asyncio.Event()
    with graceful_stop(asyncio.get_running_loop(), stop):
        async with Simulator(settings) as simulator:
            click.echo(f"simulator at {simulator.url}; Ctrl-C ends it")
            await stop.wait()


if __name__ == "__main__":
    main()
