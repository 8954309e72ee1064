"""TensorBoard's logs as rows of a run: ``init(sync_tensorboard=True)``, or `patch` before ``init`` to say more."""

from kymograph.sdk.tensorboard.summaries import log, reset_state, tf_summary_to_dict
from kymograph.sdk.tensorboard.summaries import log as _log
from kymograph.sdk.tensorboard.writers import patch, unpatch

__all__ = ["_log", "log", "patch", "reset_state", "tf_summary_to_dict", "unpatch"]
