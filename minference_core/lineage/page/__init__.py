"""One lineage as a page to look at: one HTML file that needs nothing else."""

from minference_core.lineage.page.page import lineage_page

__all__ = ["lineage_page"]
