"""``python -m kymograph.bucket``: the command ``wabucket``."""

from kymograph.bucket.cli import main

if __name__ == "__main__":
    main()
