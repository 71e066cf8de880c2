"""
`minference requests`: a plain file of requests, asked without Dagster.

Heavy imports are inside the functions, as in `cli.py`.
"""

import asyncio
import os
from collections.abc import Callable, Iterator, Set
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from minference_assets.budget_options import with_budget
from minference_core.errors import ConfigError, ErrorClass, MissingKey, classes_named

if TYPE_CHECKING:
    from decimal import Decimal

    from pydantic import SecretStr
    from rich.console import Console

    from minference_core.engine import LaneLimits, Progress, Spending
    from minference_core.request_files import FileReport
    from minference_core.threads import OwnPrice

__all__ = ["requests"]

_FAILED = 1
_CLIENTS = ("openai", "anthropic", "vllm", "litellm", "openrouter")
_LONGEST_REASON = 300


class _Price(click.ParamType):
    """`MODEL=INPUT/OUTPUT`, in dollars for a million tokens."""

    name = "price"

    def convert(
        self, value: "str", param: click.Parameter | None, ctx: click.Context | None
    ) -> "tuple[str, OwnPrice]":
        from pydantic import ValidationError

        from minference_core.threads import OwnPrice

        model, _, rates = value.rpartition("=")
        read, _, written = rates.partition("/")
        try:
            price = OwnPrice.model_validate({"input": read, "output": written})
        except ValidationError:
            price = None
        if not model or price is None:
            self.fail(f"{value!r} is no price: write MODEL=INPUT/OUTPUT, like my-model=0.15/0.60", param, ctx)
        return model, price


@dataclass(frozen=True, slots=True)
class _Server:
    """Who is asked."""

    url: str
    client: str
    key: "SecretStr | None"
    key_name: str
    simulated: bool


@click.command()
@click.argument("source", metavar="IN.jsonl", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("target", metavar="[OUT.jsonl]", required=False, type=click.Path(path_type=Path))
@click.option("--url", help="A base URL, or one endpoint in full; without it, the client's own address.")
@click.option("--client", type=click.Choice(_CLIENTS), help="Whose server that is; guessed if not said.")
@click.option("--rpm", type=click.IntRange(1), help="Requests a minute.")
@click.option("--tpm", type=click.IntRange(1), help="Tokens a minute, prompts and answers together.")
@click.option("--input-tpm", type=click.IntRange(1), help="Tokens read a minute, as Anthropic counts.")
@click.option("--output-tpm", type=click.IntRange(1), help="Tokens written a minute, as Anthropic counts.")
@click.option("--max-in-flight", type=click.IntRange(1), default=64, show_default=True, help="At once.")
@with_budget
@click.option(
    "--price",
    "prices",
    type=_Price(),
    multiple=True,
    metavar="MODEL=INPUT/OUTPUT",
    help="Your own price of a million tokens, in dollars: my-model=0.15/0.60.",
)
@click.option("--max-attempts", type=click.IntRange(1), help="Of one request; by its failures if not said.")
@click.option(
    "--retry-errors",
    metavar="CLASSES",
    help="Of the lines that failed, ask only these again: timeout,rate_limit and the like, or all.",
)
@click.option("--api-key-env", metavar="VAR", help="The variable with the key; without it, the client's own.")
def requests(
    source: Path,
    target: Path | None,
    url: str | None,
    client: str | None,
    rpm: int | None,
    tpm: int | None,
    input_tpm: int | None,
    output_tpm: int | None,
    max_in_flight: int,
    budget_usd: "Decimal | None",
    budget_tokens: int | None,
    prices: "tuple[tuple[str, OwnPrice], ...]",
    max_attempts: int | None,
    retry_errors: str | None,
    api_key_env: str | None,
) -> None:
    """
    Ask every line of a file of requests, and write the answers to another.

    A line is [metadata, request], or one of OpenAI's batch format; chat completions, completions,
    embeddings and Anthropic's messages are served. Without OUT.jsonl it is IN_results.jsonl.

    The same command again sends only what has no answer yet: the answers are kept in OUT.jsonl.journal.
    A budget is for all that this OUT.jsonl ever costs. Limits are shared with every other run of the same
    data folder that asks the same account.
    """
    from rich.console import Console

    from minference_assets import settings
    from minference_core.engine import LaneLimits

    target = target or source.with_name(f"{source.name.removesuffix('.jsonl')}_results.jsonl")
    again = None if retry_errors is None else classes_named(retry_errors.split(","))
    server = _server(source, url, client, api_key_env)
    limits = LaneLimits(
        requests_per_minute=rpm,
        tokens_per_minute=tpm,
        input_tokens_per_minute=input_tpm,
        output_tokens_per_minute=output_tpm,
        max_in_flight=max_in_flight,
    )
    if url is None:
        limits = limits.lowered_to(settings.limits_of(server.client))
    spending = _spending(target, budget_usd, budget_tokens, dict(prices), simulated=server.simulated)
    screen = Console(highlight=False, soft_wrap=True)
    report = asyncio.run(_run(screen, source, target, server, limits, spending, max_attempts, again))
    _show(screen, source, target, report)
    if not report.all_well:
        raise click.exceptions.Exit(_FAILED)


def _server(source: Path, url: str | None, client: str | None, key_variable: str | None) -> _Server:
    """
    Raises:
        ConfigError: Nothing says whom to ask, or the variable that is to hold the key is not set.
    """
    from pydantic import SecretStr

    from minference_assets import settings
    from minference_core.providers import PROVIDERS
    from minference_core.request_files import guess_client

    if url is None:
        if client is None:
            raise ConfigError("say whom to ask: --url, or --client for a provider's own address")
        if simulator := settings.simulator():
            return _Server(f"{simulator}/{client}", client, SecretStr("simulator"), "", simulated=True)
        url = settings.base_url(client) or PROVIDERS[client].default_base_url
    client = client or guess_client(url, source)
    if key_variable is None:
        return _Server(url, client, settings.key(client), PROVIDERS[client].key_variables[0], simulated=False)
    key = os.environ.get(key_variable, "").strip()
    if not key:
        raise MissingKey(client, key_variable)
    return _Server(url, client, SecretStr(key), key_variable, simulated=False)


def _spending(
    target: Path,
    usd: "Decimal | None",
    tokens: int | None,
    prices: "dict[str, OwnPrice]",
    *,
    simulated: bool,
) -> "Spending":
    from minference_core.engine import Budget, Spending

    name = f"requests {target.resolve()}"
    budget = Budget(scope=f"simulated {name}" if simulated else name, usd=usd, tokens=tokens)
    return Spending(budgets=[budget], prices=prices)


async def _run(
    screen: "Console",
    source: Path,
    target: Path,
    server: _Server,
    limits: "LaneLimits",
    spending: "Spending",
    max_attempts: int | None,
    retry_errors: "Set[ErrorClass] | None",
) -> "FileReport":
    """Until every line is settled, or SIGINT or SIGTERM."""
    from minference_assets import settings
    from minference_core.engine import Ledger, graceful_stop
    from minference_core.request_files import run_request_file

    stop = asyncio.Event()
    with (
        Ledger(settings.ledger_url(settings.data_folder())) as ledger,
        graceful_stop(asyncio.get_running_loop(), stop),
        _bar(screen) as on_progress,
    ):
        return await run_request_file(
            source,
            target,
            url=server.url,
            client=server.client,
            limits=limits,
            api_key=server.key,
            key_name=server.key_name,
            max_attempts=max_attempts,
            simulated=server.simulated,
            ledger=ledger,
            spending=spending,
            retry_errors=retry_errors,
            stop=stop,
            on_progress=on_progress,
        )


@contextmanager
def _bar(screen: "Console") -> "Iterator[Callable[[Progress], None]]":
    """A progress bar on a terminal; elsewhere nothing."""
    if not screen.is_terminal:
        yield lambda _: None
        return
    from rich import progress as rich_progress

    columns = (
        rich_progress.BarColumn(bar_width=28),
        rich_progress.MofNCompleteColumn(),
        rich_progress.TextColumn("{task.fields[said]}"),
    )
    with rich_progress.Progress(*columns, console=screen, refresh_per_second=5) as bar:
        task = bar.add_task("", total=None, said="")
        yield lambda now: bar.update(task, total=now.total, completed=now.done, said=_said(now))


def _said(now: "Progress") -> str:
    """What stands beside the bar."""
    share = f" · {now.limit_share:.0%} of the limit" if now.limit_share else ""
    failed = "".join(f" · {count} {name}" for name, count in sorted(now.failures.items()))
    retried = f" · {now.retried} retried" if now.retried else ""
    left = f" · {now.eta_s:.0f} s left" if now.eta_s and now.done < now.total else ""
    rates = f"{now.requests_per_s:.1f} req/s · {now.tokens_per_s:,.0f} tok/s"
    return f"{rates} · {now.in_flight} in flight{failed}{retried}{share}{left}"


def _show(screen: "Console", source: Path, target: Path, report: "FileReport") -> None:
    """What came of it, and what to do about what did not."""
    failed = sum(report.failures.values())
    earlier = f" ({report.reused} lines were settled before)" if report.reused else ""
    facts = [
        f"{source} -> {target}",
        f"{report.answered} of {report.lines} lines answered, {failed} failed{earlier}",
        f"{report.sent} requests sent, {report.retries} of them retries, in {report.seconds:.1f} s",
        f"{report.prompt_tokens:,} tokens in, {report.completion_tokens:,} out, {_dollars(report)}",
    ]
    for fact in facts:
        screen.print(fact, markup=False)
    for name, count in sorted(report.failures.items(), key=lambda found: -found[1]):
        screen.print(f"  {count} {name}: {_one_line(report.reasons[name])}", markup=False)
    if report.undone:
        screen.print(
            f"stopped: {report.undone} lines have no answer yet. Run the same command again to go on.",
            markup=False,
        )
    elif failed:
        screen.print(
            "Run the same command again when that is mended: answers are kept, and only lines without one "
            "that may still get it are sent.",
            markup=False,
        )


def _dollars(report: "FileReport") -> str:
    """At list prices: what the server really takes, only its owner knows."""
    what = "simulated" if report.simulated else "at list prices"
    unknown = f", and {report.unknown_price} answers of unknown price" if report.unknown_price else ""
    return f"${report.cost_usd:.4f} {what}{unknown}"


def _one_line(text: str) -> str:
    said = " ".join(text.split())
    return said if len(said) <= _LONGEST_REASON else f"{said[: _LONGEST_REASON - 1]}…"
