"""What a training script touches: runs, their settings, and what is logged to them."""
