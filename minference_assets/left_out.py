"""
Partitions that a step leaves out, because their thread specs are missing or cannot be read.

One such day must not keep the other days of a backfill from being done: it is told of in its metadata,
in the log and by a check of `thread_specs`, and every step goes on with the rest.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import dagster as dg

from minference_assets.failures import failure_from
from minference_core.errors import MinferenceError, SpecError
from minference_core.specs import SpecSource, inspect_specs, spec_files

__all__ = ["LeftOut", "must_have_specs"]


def must_have_specs(source: SpecSource) -> None:
    """
    Raises:
        SpecError: The partition has no folder, or no spec file in it.
    """
    spec_files(source.folder)


class LeftOut:
    """The partitions that one step left out, and why."""

    def __init__(self, context: dg.AssetExecutionContext) -> None:
        self._context = context
        self.missing: dict[str, str] = {}
        self.unreadable: dict[str, str] = {}

    @contextmanager
    def unless_readable(self, source: SpecSource, doing: str) -> Iterator[None]:
        """
        Leave the partition out when its thread specs keep it from being done.

        Args:
            source: The partition's specs.
            doing: What the step tries to do with it, for whoever reads the run page.

        Raises:
            Failure: It failed of something else.
        """
        try:
            yield
        except MinferenceError as error:
            if not self.takes(source, error):
                raise failure_from(error, doing) from error

    def takes(self, source: SpecSource, error: MinferenceError) -> bool:
        """
        Leave a partition out, if it is its thread specs that kept it from being done.

        What a later step fails of looks the same whether its specs are gone or not: no plan, an outdated
        plan. So the specs are read again.

        Returns:
            Whether it is left out; if not, the error is of another kind.
        """
        reason = error if isinstance(error, SpecError) else _why_unreadable(source)
        if reason is None:
            return False
        key = source.partition.key
        try:
            must_have_specs(source)
        except SpecError:
            self.missing[key], kind = str(reason), "no thread specs"
        else:
            self.unreadable[key], kind = str(reason), "unreadable thread specs"
        self._context.log.warning(f"{key} is skipped, {kind}: {reason}")
        self._context.add_asset_metadata({"skipped": f"{kind}: {reason}"}, partition_key=key)
        return True

    def fail_unless(self, done: Mapping[str, object]) -> None:
        """
        Args:
            done: What was made of the other partitions.

        Raises:
            Failure: Nothing was, since every partition is left out.
        """
        if done or not (self.missing or self.unreadable):
            return
        reasons = "\n".join(
            f"{key}: {why}" for key, why in sorted({**self.missing, **self.unreadable}.items())
        )
        what = "has thread specs that can be read" if self.unreadable else "has thread specs"
        raise dg.Failure(f"none of the partitions {what}:\n{reasons}", allow_retries=False)


def _why_unreadable(source: SpecSource) -> SpecError | None:
    try:
        inspect_specs(source)
    except SpecError as error:
        return error
    return None
