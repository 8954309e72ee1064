"""Write the next migration: what the tables of the code have and the newest revision has not.

``python -m kymograph.storage.migrations.draft 0002 "What changes"``, then read the file, format it, and raise `HEAD`.
"""

from __future__ import annotations

import sys

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine
from sqlalchemy.pool import StaticPool

from kymograph.storage.migrations import config_for


def main(revision: str, message: str) -> None:
    """Compare on an empty database in memory and write ``versions/<revision>_….py``."""
    engine = create_engine("sqlite://", poolclass=StaticPool)
    with engine.connect() as connection:
        config: Config = config_for(connection)
        command.upgrade(config, "head")
        command.revision(config, message, autogenerate=True, rev_id=revision)


if __name__ == "__main__":
    main(*sys.argv[1:])
