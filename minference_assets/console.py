"""What a run looks like in a terminal: the plan, a bar for each partition, and what came of it."""

import os
import sys
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from decimal import Decimal
from types import TracebackType
from typing import Self, TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn
from rich.table import Table

from minference_assets import settings
from minference_assets.checks import ANSWER_CAME
from minference_assets.metadata import classes, dollars, duration, percent, plan_cost, progress_line
from minference_assets.questions import Answer
from minference_assets.resources import Providers
from minference_assets.runs import Outcome
from minference_core.conversations import Plan, RetryReport
from minference_core.engine import LANE_STOPPERS, SETTLED, Counts, Histogram, RunReport
from minference_core.engine import Progress as Standing
from minference_core.errors import ErrorClass
from minference_core.specs import SpecReport

__all__ = [
    "Watch",
    "open_console",
    "show_answer",
    "show_failures",
    "show_outcomes",
    "show_question",
    "show_summary",
]

_LINE_EVERY_S = 5.0
_WIDTH = 120  # where there is no terminal to ask: a file, a pipe


def open_console() -> Console:
    """
    A console of our own.

    Dagster takes over the process's standard output while a step runs, to keep it with the run; a copy of it,
    made before, still leads to the terminal.
    """
    width = None if sys.stdout.isatty() else _WIDTH
    return Console(file=_own(sys.stdout), highlight=False, width=width)


class Watch:
    """Listens to runs, shows the plan before anything is sent and the progress after."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bars = _bars(console) if console.is_terminal else None
        self._tasks: dict[tuple[str, str], TaskID] = {}
        self._unshown: dict[tuple[str, str], Plan] = {}
        self._line_at = time.monotonic()
        self.simulated = False
        self.plans: dict[tuple[str, str], Plan] = {}
        self.reports: dict[tuple[str, str], RunReport] = {}
        self.retries: list[RetryReport] = []

    def __enter__(self) -> Self:
        self.simulated = settings.simulator() is not None
        if self._bars is not None:
            self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._show_plan(sending=False)
        if self._bars is not None:
            self._bars.stop()

    def inspected(self, dataset: str, key: str, report: SpecReport) -> None:
        for problem in report.invalid[:5]:
            self._console.print(
                f"{dataset} {key}: {problem.file} row {problem.row} is left out: {problem.reason}",
                markup=False,
            )
        if len(report.invalid) > 5:
            self._console.print(f"{dataset} {key}: and {len(report.invalid) - 5} more rows are left out")

    def retried(self, dataset: str, key: str, report: RetryReport) -> None:
        self.retries.append(report)

    def planned(self, dataset: str, key: str, plan: Plan) -> None:
        self.plans[dataset, key] = self._unshown[dataset, key] = plan

    def progressed(self, dataset: str, key: str, progress: Standing) -> None:
        self._show_plan(sending=True)
        if self._bars is None:
            self._line(dataset, key, progress)
            return
        task = self._tasks.get((dataset, key))
        if task is None:
            task = self._bars.add_task(f"{dataset} {key}", total=progress.total, said="")
            self._tasks[dataset, key] = task
        self._bars.update(task, completed=progress.done, total=progress.total, said=self._said(progress))

    def answered(self, dataset: str, key: str, report: RunReport) -> None:
        self._show_plan(sending=True)
        self.reports[dataset, key] = report
        task = self._tasks.get((dataset, key))
        if self._bars is not None and task is not None:
            done = report.threads - report.undone
            self._bars.update(task, completed=done, total=report.threads, said=self._result(report))
        else:
            self._console.print(f"{dataset} {key}: {self._result(report)}")

    def _show_plan(self, *, sending: bool) -> None:
        """The plans that were not shown yet, and whom they need a key for that is not set."""
        if not self._unshown:
            return
        self._console.print(_plan_table(self._unshown))
        for (dataset, key), plan in self._unshown.items():
            if plan.shared:
                self._console.print(
                    f"{dataset} {key}: {plan.shared} conversations ask the same as another and share "
                    f"its answer (reuse: rows in its defs.yaml asks each)."
                )
            if plan.left:
                self._console.print(f"{dataset} {key}: {plan.left} were never asked, and are not now.")
        # Of a mere plan, with nothing configured, the run would be the simulator's.
        if sending or settings.configured_providers():
            for text in _missing_keys(self._unshown.values()):
                self._console.print(text, markup=False)
        self._unshown = {}

    def _line(self, dataset: str, key: str, progress: Standing) -> None:
        now = time.monotonic()
        if progress.done < progress.total and now - self._line_at >= _LINE_EVERY_S:
            self._line_at = now
            said = progress_line(progress, simulated=self.simulated)
            self._console.print(f"{dataset} {key}: {said}")

    def _said(self, progress: Standing) -> str:
        left = "" if progress.eta_s is None else f", {duration(progress.eta_s)} left"
        failed = f"[red]{classes(progress.failures)}[/red], " if progress.failed else ""
        retried = f"{progress.retried} retried, " if progress.retried else ""
        share = "" if progress.limit_share is None else f"{percent(progress.limit_share)} of the limit, "
        return (
            f"{failed}{retried}{progress.requests_per_s:.0f} req/s, {progress.tokens_per_s:,.0f} tok/s, "
            f"{share}{dollars(progress.cost_usd, simulated=self.simulated)}{left}"
        )

    def _result(self, report: RunReport) -> str:
        failed = sum(report.failures.values())
        return (
            f"{report.complete} of {report.threads} threads complete, {failed} failed, "
            f"{report.sent} requests sent, {report.skipped} threads reused, "
            f"{dollars(report.cost_usd, simulated=self.simulated)}"
        )


def show_outcomes(console: Console, outcomes: Iterable[Outcome]) -> None:
    for outcome in outcomes:
        for warning in outcome.warnings:
            console.print(f"[yellow]warning[/yellow] {_plain(warning)}")
        for problem in outcome.problems:
            console.print(f"[red]failed[/red] {_plain(problem)}")
        if not outcome.success and not outcome.problems:
            console.print(f"[red]failed[/red] {outcome.dataset}: run {outcome.run_id} did not end well")


def show_failures(console: Console, reports: Sequence[RunReport], words: Mapping[str, str]) -> None:
    """
    One line for each class of failure, with what was said, and what running it again would do.

    Args:
        reports: Of all partitions of the run.
        words: By class, what was said.
    """
    failures = sum((Counter(report.failures) for report in reports), Counter[str]())
    lost = Counter({name: n for name, n in failures.items() if name not in ANSWER_CAME})
    if not failures and not _sum(reports, "undone"):
        return
    console.print("\nFailures")
    for name, threads in failures.most_common():
        console.print(f"  {threads} {name}: {words.get(name, 'no reason is on record')}", markup=False)
    if looped := failures[ErrorClass.MAX_STEPS]:
        console.print(f"{looped} threads ended within a loop: raise max_steps, and they go on from there.")
    if unanswered := lost.total() + _sum(reports, "undone"):
        console.print(f"{unanswered} threads got no answer. {_what_helps(lost.keys())}")


def _what_helps(classes: Set[str]) -> str:
    if classes & LANE_STOPPERS:
        return "Mend what is named above, then run it again: only they are asked for."
    if ErrorClass.BUDGET in classes:
        return "Raise the budget and run it again: only they are asked for. A plan says what they may cost."
    if classes and classes <= SETTLED:
        return "Asking the same again would be refused again, so a rerun does not: change what is asked."
    return "Run it again: only they are asked for."


def show_summary(console: Console, watch: Watch) -> None:
    """What all runs did together."""
    reports = list(watch.reports.values())
    if not reports:
        return
    table = Table(show_header=False, box=None, pad_edge=False, title="Result", title_justify="left")
    table.add_column(style="dim")
    table.add_column()
    for name, value in _facts(reports, simulated=watch.simulated):
        table.add_row(name, value)
    console.print()
    console.print(table)
    if not any(report.sent for report in reports):
        console.print("\n[bold]Nothing was sent[/bold]: every answer was there already.")


def show_answer(console: Console, names: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """The rows of a query."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in names:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*(_plain("" if value is None else str(value)) for value in row))
    console.print(table)


def show_question(console: Console, answer: Answer) -> None:
    """A statement as one would type it, with its rows."""
    console.print(f"\n[bold]{answer.title}[/bold]")
    console.print(f"[dim]{answer.sql};[/dim]")
    show_answer(console, answer.names, answer.rows)


def _facts(reports: Sequence[RunReport], *, simulated: bool) -> Iterable[tuple[str, str]]:
    failures = sum((Counter(report.failures) for report in reports), Counter[str]())
    shares: dict[str, float] = {}
    for report in reports:
        for client, share in report.limit_share.items():
            shares[client] = max(shares.get(client, 0.0), share)
    unknown = sum(report.unknown_price for report in reports)
    cost = sum((report.cost_usd for report in reports), Decimal(0))
    prompt, completion = (
        sum(report.prompt_tokens for report in reports),
        sum(report.completion_tokens for report in reports),
    )
    yield "threads", f"{_sum(reports, 'threads')}, {_sum(reports, 'complete')} of them complete"
    yield "replies", f"{_sum(reports, 'replies')}"
    if tools := _sum(reports, "tool_runs"):
        yield "tools", f"{tools} calls on record, {_sum(reports, 'tool_failures')} of them errors"
    yield (
        "attempts",
        f"{_sum(reports, 'sent')} sent by this run, {_sum(reports, 'retries')} of them retries",
    )
    attempts = _attempts(reports)
    if attempts.latency.count:
        yield "429s", f"{attempts.rate_limited:,}"
        yield "latency", _latency(attempts.latency)
    shared = _sum(reports, "shared")
    taken = f", {shared} answers taken over from others" if shared else ""
    yield "reused", f"{_sum(reports, 'skipped')} threads needed nothing sent{taken}"
    yield "failures", ", ".join(f"{n} {name}" for name, n in failures.most_common()) or "none"
    if undone := _sum(reports, "undone"):
        yield "unfinished", f"{undone} threads"
    yield "tokens", f"{prompt:,} in, {completion:,} out, {_sum(reports, 'cached_tokens'):,} from a cache"
    yield (
        "dollars",
        dollars(cost, simulated=simulated) + (f", and {unknown} answers of unknown price" if unknown else ""),
    )
    limit = ", ".join(f"{client} {percent(share)}" for client, share in sorted(shares.items()))
    yield "limit used", limit or "no limit was in use"
    yield "time asking", duration(sum(report.seconds for report in reports))


def _attempts(reports: Sequence[RunReport]) -> Counts:
    """What was sent by all of them, added up."""
    found = Counts()
    for report in reports:
        found.absorb(report.timeline.total())
    return found


def _latency(latency: Histogram) -> str:
    """In this many seconds half of the attempts ended, and all but the slowest hundredth."""
    p50, p99 = latency.percentile(50) or 0.0, latency.percentile(99) or 0.0
    return f"p50 {p50:.2f} s, p99 {p99:.2f} s"


def _sum(reports: Sequence[RunReport], name: str) -> int:
    return sum(int(getattr(report, name)) for report in reports)


def _missing_keys(plans: Iterable[Plan]) -> Iterable[str]:
    lanes = Providers().lanes({})
    threads = Counter[str]()
    for line in (line for plan in plans for line in plan.by_model):
        threads[line.client] += line.threads
    for client, count in sorted(threads.items()):
        lane = lanes[client]
        if lane.api_key is None and lane.key_required:
            yield f"{client} has no key: its {count} threads will get no answer. Set {lane.key_name}."


def _plan_table(plans: dict[tuple[str, str], Plan]) -> Table:
    table = Table(title="Plan", title_justify="left", box=None, pad_edge=False, header_style="dim")
    table.add_column("dataset")
    table.add_column("partition")
    for name in ("new", "answered", "failed", "invalid", "tokens in", "tokens out", "dollars", "takes"):
        table.add_column(name, justify="right")
    for (dataset, key), plan in plans.items():
        table.add_row(
            dataset,
            key,
            *(str(n) for n in (plan.new, plan.answered, plan.failed, plan.invalid)),
            f"{plan.prompt_tokens:,}",
            f"≤ {plan.max_output_tokens:,}",
            plan_cost(plan),
            duration(plan.minutes * 60),
        )
    return table


def _bars(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=28),
        MofNCompleteColumn(),
        TextColumn("{task.fields[said]}"),
        console=console,
        refresh_per_second=5,
        # Dagster redirects these itself while a step runs; two redirections undo each other.
        redirect_stdout=False,
        redirect_stderr=False,
    )


def _plain(text: str) -> str:
    """Text from outside: what looks like rich's markup in it is not."""
    return text.replace("[", r"\[")


def _own(stream: TextIO) -> TextIO:
    try:
        number = stream.fileno()
    except (OSError, ValueError):
        return stream  # not a real stream: a test is reading
    return os.fdopen(os.dup(number), "w", buffering=1, encoding="utf-8")
