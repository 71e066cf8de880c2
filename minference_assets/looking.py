"""`minference show` and `minference lineage`: one conversation, or the history of anything, to look at."""

from pathlib import Path

import click

__all__ = ["lineage", "show"]

_WORDS = click.argument(
    "words", nargs=-1, required=True, metavar="ID | DATASET PARTITION THREAD_KEY [SAMPLE]"
)


@click.command()
@_WORDS
def show(words: tuple[str, ...]) -> None:
    """
    The transcript of a conversation.

    ID is that of a version, or of a lineage, which means its current version; its beginning or end will do.
    """
    from minference_assets import console, finding, questions
    from minference_assets.resources import Lake

    store = Lake().published
    found = finding.find(store, words)
    if found.kind != "ChatThread":
        raise finding.NotFound(f"{found.version} is not a thread but a {found.kind}")
    screen = console.open_console()
    for role, content in questions.transcript_of(store, found.version).rows:
        screen.print(f"[bold]{role}[/bold]")
        screen.print(str(content), markup=False)
        screen.print()


@click.command()
@_WORDS
@click.option("--mermaid", is_flag=True, help="As the text of a Mermaid diagram.")
@click.option(
    "--html",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write one HTML page: transcripts, tree, differences, costs, where each version came from.",
)
def lineage(words: tuple[str, ...], *, mermaid: bool, file: Path | None) -> None:
    """
    The history of anything: every version, under the one it came from.

    ID is that of any version, or of a lineage; its beginning or end will do.
    """
    from minference_assets import console, finding, questions
    from minference_assets.resources import Lake
    from minference_core.lineage.page import lineage_page
    from minference_core.store import connect

    if mermaid and file is not None:
        raise click.UsageError("--mermaid prints and --html writes a file: choose one")
    store = Lake().published
    found = finding.find(store, words)
    with connect(store) as connection:
        if mermaid:
            (drawing,) = connection.execute("select mermaid($1)", [found.lineage]).fetchall()[0]
            click.echo(drawing)
            return
        if file is not None:
            _write(file, lineage_page(connection, found.lineage))
            return
    console.show_question(console.open_console(), questions.lineage_of(store, found.lineage))


def _write(file: Path, page: str) -> None:
    try:
        file.write_text(page, encoding="utf-8")
    except OSError as error:
        raise click.ClickException(f"{file} cannot be written: {error.strerror}") from None
    click.echo(f"wrote {file}: open it in any browser")
