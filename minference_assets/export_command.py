"""
`minference export`: conversations of the store as files that other tools train on.

Heavy imports are inside the functions, as in `cli.py`.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console

    from minference_core.export import ExportReport

__all__ = ["export"]

_FAILED = 1
# As `FORMATS` has them: importing that takes longer than `--help` should.
_FORMATS = ("chatml", "chatml-text", "sharegpt", "openai", "parquet")


class _Shares(click.ParamType):
    """`train=0.9,test=0.1`."""

    name = "shares"

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> dict[str, float]:
        try:
            pairs = [
                (name.strip(), float(share))
                for name, _, share in (p.partition("=") for p in value.split(","))
            ]
        except ValueError:
            self.fail(f"{value!r} are no shares: write NAME=SHARE,…, like train=0.9,test=0.1", param, ctx)
        if len(dict(pairs)) < len(pairs):
            self.fail(f"{value!r} names a split twice", param, ctx)
        return dict(pairs)


@click.command()
@click.argument("dataset", required=False)
@click.argument("partitions", nargs=-1, metavar="[PARTITION]...")
@click.option("--format", "form", type=click.Choice(_FORMATS), help="What the rows are to be.")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="The file to be.")
@click.option(
    "--finished/--all",
    default=True,
    show_default=True,
    help="Only conversations that came to their end, or those that failed or wait too.",
)
@click.option(
    "--valid", is_flag=True, help="None with a reply that was invalid, cut off or refused on the way."
)
@click.option("--where", metavar="SQL", help="A condition over the columns of the view transcripts.")
@click.option("--sql", metavar="SELECT", help="A query for ids of thread versions, not the current ones.")
@click.option(
    "--reasoning/--no-reasoning", default=None, help="What the models thought; if the format has it."
)
@click.option("--split", "splits", type=_Shares(), metavar="NAME=SHARE,…", help="Like train=0.9,test=0.1.")
@click.option(
    "--manifest",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Make the export again that this manifest is of, from exactly its versions.",
)
def export(
    manifest: Path | None,
    output: Path | None,
    form: str | None,
    **asked: Any,
) -> None:
    """
    Write a dataset's conversations to a file: ChatML, ShareGPT, OpenAI's fine-tuning format or Parquet.

    Without a PARTITION all of them are meant, each conversation as it stands now. Beside the file are its
    manifest and the list of the versions in it.
    """
    from rich.console import Console

    from minference_assets.resources import Lake
    from minference_core.export import export_again

    screen, store = Console(highlight=False, soft_wrap=True), Lake().published
    if manifest is None:
        _show(screen, _export(store, output, form, **asked))
        return
    if form is not None or any(value for name, value in asked.items() if name != "finished"):
        raise click.UsageError("--manifest says what is to be exported: give nothing else but --output")
    report = export_again(store, manifest, output)
    _show(screen, report)
    if report.changed:
        screen.print(
            f"not the same bytes as before: {', '.join(report.changed)}. Messages were redacted since, or "
            f"version {report.manifest.code_version} of minference writes them in another way",
            markup=False,
        )
        raise click.exceptions.Exit(_FAILED)
    screen.print("the same bytes as before")


def _export(
    store: Path,
    output: Path | None,
    form: str | None,
    *,
    dataset: str | None,
    partitions: tuple[str, ...],
    splits: dict[str, float] | None,
    reasoning: bool | None,
    **selection: Any,
) -> "ExportReport":
    from minference_core.export import ExportOrder, Selection, Splits, export, format_named

    if form is None:
        raise click.UsageError(f"say what the rows are to be: --format {'|'.join(_FORMATS)}")
    chosen = Selection(dataset=dataset, partitions=partitions, **selection)
    order = ExportOrder(format=form, selection=chosen, reasoning=reasoning, splits=Splits(splits or {}))
    if output is None:
        name = dataset or "selected"
        output = store.parent / "exports" / name / f"{name}-{form}{format_named(form).suffix}"
    return export(store, order, output)


def _show(screen: "Console", report: "ExportReport") -> None:
    from minference_assets.hints import path_from_here

    made = report.manifest
    for file, entry in zip(report.files, made.files, strict=True):
        screen.print(f"{path_from_here(file)}: {entry.rows:,} conversations", markup=False)
    screen.print(f"{made.messages:,} messages, {made.reply_tokens:,} tokens in replies")
    if made.left_out:
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in made.left_out.items())
        screen.print(f"left out: {reasons}", markup=False)
    screen.print(f"manifest: {path_from_here(report.places.manifest)}", markup=False)
