"""SQL over the runs of a project: checked, bounded, and in a process of its own."""
