"""On the path of processes that a program under `kymograph.as_wandb` starts: leads ``import wandb`` to kymograph."""

from kymograph.drop_in.install import install_as_wandb

LEADS_TO_KYMOGRAPH = True

# The import system hands out what stands under the name when this is done, which is another module then.
install_as_wandb()
