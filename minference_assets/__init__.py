"""The Dagster code location: decides what runs and when, and does no work of its own."""
