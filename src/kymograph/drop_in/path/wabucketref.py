"""The older name of `kymograph.bucket`, for scripts that run under `kymograph.as_wandb` and for their processes."""

from kymograph.bucket import WaBucketRefAPI, __version__, parse_meta

__all__ = ["WaBucketRefAPI", "__version__", "parse_meta"]
