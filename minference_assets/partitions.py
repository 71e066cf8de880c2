"""How a dataset is cut into partitions: by the day, or under free names."""

from datetime import UTC, date

import dagster as dg

from minference_core.specs import EPOCH, Partition

__all__ = ["daily", "known_keys", "named", "partition", "ranges"]


def daily(first: date) -> dg.DailyPartitionsDefinition:
    """One partition a day from `first` to today; today's is there so that it can be run by hand."""
    return dg.DailyPartitionsDefinition(start_date=first.isoformat(), end_offset=1)


def named(dataset: str) -> dg.DynamicPartitionsDefinition:
    """Partitions under free names, one for each folder of thread specs."""
    return dg.DynamicPartitionsDefinition(name=dataset)


def partition(dataset: str, key: str, definition: dg.PartitionsDefinition) -> Partition:
    """The core's view of one partition: its ids start with this instant, so it may never change."""
    if isinstance(definition, dg.TimeWindowPartitionsDefinition):
        return Partition(dataset, key, definition.start_time_for_partition_key(key).astimezone(UTC))
    return Partition(dataset, key, EPOCH)  # a name has no day, and its ids need an instant


def known_keys(definition: dg.PartitionsDefinition, instance: dg.DagsterInstance) -> list[str]:
    """All keys, oldest first."""
    return list(definition.get_partition_keys(dynamic_partitions_store=instance))


def ranges(keys: list[str], known: list[str]) -> list[list[str]]:
    """
    Cut `keys` into stretches without gaps: each can be one run.

    Args:
        keys: Some of `known`, in any order.
        known: All keys of the dataset, in their order.
    """
    wanted, found, current = set(keys), list[list[str]](), list[str]()
    for key in known:
        if key in wanted:
            current.append(key)
        elif current:
            found.append(current)
            current = []
    return [*found, current] if current else found
