"""minference_core: the library under minference; it knows nothing of Dagster."""
