"""What artifacts take in space: stored content, who names it, exact counters, deletion and what it frees."""
