"""The sender process: ``python -m kymograph.sdk.sender FOLDER``.

The first line on its standard input says where to and as whom; keys never stand in arguments, which everybody on a
machine can read. It goes on when the training is gone, until the server has what the journal says.
"""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

import orjson

from kymograph.client.connection import Connection
from kymograph.client.runs import RunClient
from kymograph.errors import KymographError
from kymograph.sdk.run_folder import RunFolder
from kymograph.sdk.sender.control import error_document
from kymograph.sdk.sender.loop import send
from kymograph.sdk.sender.sender import SenderOptions

logger = logging.getLogger("kymograph.sender")


def main() -> int:
    """Send the run in the folder that the command line names."""
    folder = RunFolder.find(Path(sys.argv[1]))
    folder.logs.mkdir(exist_ok=True)
    logging.basicConfig(
        filename=folder.logs / "debug-internal.log",
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    # Addresses for uploads are credentials, and httpx notes every one.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    start = orjson.loads(sys.stdin.buffer.readline())
    logging.getLogger().setLevel(start.pop("log_level", logging.INFO))
    cache = start.pop("artifact_cache", None)
    options = SenderOptions(cache=Path(cache) if cache else None)
    connection = Connection.from_document(start)
    # Whatever else prints must not get into the lines for the training.
    events = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    try:
        with RunClient(connection) as client:
            sender = send(folder, client, commands=sys.stdin.buffer, events=events, options=options)
    except KymographError as exc:
        logger.error("%s", exc)
        events.write(orjson.dumps({"kind": "refused", "error": error_document(exc)}) + b"\n")
        return 1
    except Exception:
        # The edge of this process: whatever it was, the next look at the folder shall find out why nothing was sent.
        logger.exception("the sender ends")
        raise
    if sender.refusal is not None:
        logger.error("refused: %s", sender.refusal)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
