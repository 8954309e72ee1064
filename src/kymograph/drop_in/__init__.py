"""Kymograph under the name ``wandb``, for packages that import that by themselves. Only when asked.

`install_as_wandb` does it for this process; ``python -m kymograph.as_wandb train.py`` for a program that is not to be
changed, and for the processes that it starts.
"""

from kymograph.drop_in.install import install_as_wandb

__all__ = ["install_as_wandb"]
