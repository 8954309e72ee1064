"""The ``kymograph`` command; heavy imports live inside the commands that need them."""
