"""What a training script touches: runs, their journal, and the sender that uploads it."""
