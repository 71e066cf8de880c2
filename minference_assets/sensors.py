"""How a dataset with free partition names learns of a new folder."""

import dagster as dg

from minference_assets.dataset import Dataset
from minference_assets.resources import Lake

__all__ = ["new_folder_sensor"]


def new_folder_sensor(dataset: Dataset, partitions: dg.DynamicPartitionsDefinition) -> dg.SensorDefinition:
    """
    Each new folder of thread specs becomes a partition. Nothing is run, so nothing is spent.

    A folder that goes away keeps its partition: what was asked for it is still there.
    """

    @dg.sensor(
        name=f"{dataset.name}_new_folders",
        minimum_interval_seconds=30,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Adds a partition for each new folder of thread specs.",
    )
    def new_folders(context: dg.SensorEvaluationContext, lake: Lake) -> dg.SensorResult | dg.SkipReason:
        known = set(partitions.get_partition_keys(dynamic_partitions_store=context.instance))
        new = [key for key in lake.partitions_with_specs(dataset.name) if key not in known]
        if not new:
            return dg.SkipReason(f"no new folder in {lake.thread_specs(dataset.name)}")
        return dg.SensorResult(dynamic_partitions_requests=[partitions.build_add_request(new)])

    return new_folders
