"""What a training script touches: starting runs, logging to them, and what is captured beside them."""
