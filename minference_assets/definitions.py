"""
The whole code location: what `defs/` declares, with the resources that serve it.

Importing this reads nothing and creates nothing; calling `defs` reads the YAML files, and needs no secret.
"""

import warnings
from pathlib import Path

import dagster as dg

# Backfill policies work and are called beta: nothing to learn from the warning.
warnings.filterwarnings("ignore", category=dg.BetaWarning)

from minference_assets.jobs import ad_hoc  # noqa: E402
from minference_assets.resources import Lake, Providers, Silent  # noqa: E402

__all__ = ["build_defs", "defs"]

_PACKAGE = Path(__file__).resolve().parent


def build_defs(**overrides: object) -> dg.Definitions:
    """
    All datasets with their resources.

    Args:
        overrides: Resources to put in the place of `lake`, `providers` and `listener`.
    """
    return dg.Definitions.merge(
        dg.load_from_defs_folder(path_within_project=_PACKAGE),
        dg.Definitions(
            jobs=[ad_hoc],
            # A step in an interpreter of its own costs 4 s of CPU; runs are what happens in parallel.
            executor=dg.in_process_executor,
            resources={"lake": Lake(), "providers": Providers(), "listener": Silent(), **overrides},
        ),
    )


@dg.definitions
def defs() -> dg.Definitions:
    return build_defs()
