"""What happens by itself: schedules and sensors."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import yaml

from minference_assets.resources import Lake
from tests.assets.conftest import MINIMAL, put_specs
from tests.conftest import specs

TICK = datetime(2026, 11, 18, 6, tzinfo=UTC)


def ticked(definitions: dg.Definitions, instance: dg.DagsterInstance) -> dg.RunRequest | str | None:
    context = dg.build_schedule_context(
        instance=instance,
        scheduled_execution_time=TICK,
        repository_def=definitions.get_repository_def(),
        resources={"lake": Lake()},
    )
    said = definitions.resolve_schedule_def("chat_daily").evaluate_tick(context)
    if said.run_requests:
        (request,) = said.run_requests
        return request
    return said.skip_message


def test_a_day_is_run_when_it_is_over(
    dataset: Callable[..., dg.Definitions], instance: dg.DagsterInstance, data: Path
) -> None:
    put_specs(data, specs(1), "2026-11-17", "2026-11-18")

    request = ticked(dataset(MINIMAL + "schedule: {hour: 6}\n"), instance)

    assert isinstance(request, dg.RunRequest)
    assert request.partition_key == "2026-11-17"


def test_a_day_without_specs_is_skipped_with_the_folder_named(
    dataset: Callable[..., dg.Definitions], instance: dg.DagsterInstance, data: Path
) -> None:
    put_specs(data, specs(1), "2026-11-18")

    message = ticked(dataset(MINIMAL + "schedule: {hour: 6}\n"), instance)

    assert isinstance(message, str)
    assert str(data / "thread_specs" / "chat" / "2026-11-17") in message


def test_a_new_folder_becomes_a_partition_once(
    dataset: Callable[..., dg.Definitions], instance: dg.DagsterInstance, data: Path
) -> None:
    said = {**yaml.safe_load(MINIMAL), "partitions": {"type": "named"}}
    sensor = dataset(yaml.safe_dump(said)).resolve_sensor_def("chat_new_folders")
    put_specs(data, specs(1), "pilot")

    first = sensor(dg.build_sensor_context(instance=instance, resources={"lake": Lake()}))
    assert isinstance(first, dg.SensorResult)
    (request,) = first.dynamic_partitions_requests or ()
    instance.add_dynamic_partitions("chat", list(request.partition_keys))
    second = sensor(dg.build_sensor_context(instance=instance, resources={"lake": Lake()}))

    assert list(request.partition_keys) == ["pilot"]
    assert isinstance(second, dg.SkipReason)
