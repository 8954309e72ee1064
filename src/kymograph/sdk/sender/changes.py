"""What a sync changes of what a journal says: where the run goes, under which tags, and what of it is left out.

Pure, and applied wherever a journal is read, so that everything that follows from it agrees.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from kymograph.errors import UsageError
from kymograph.wire.records_pb2 import Item, RunRecord


@dataclass(frozen=True, slots=True)
class RunChanges:
    """Other values for some fields of a run; None leaves what the journal says.

    Law: applying them twice is applying them once, unless a new tag is itself to be replaced.
    """

    run_id: str | None = None
    entity: str | None = None
    project: str | None = None
    job_type: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    """Old tag → new tag; an empty one takes it away."""
    is_appended: bool = False
    """Whether its rows come after those that the run has on the server, if it is there."""
    without_console: bool = False
    """Whether its output is left out."""

    def apply(self, record: RunRecord) -> RunRecord:
        """The record with these values in it; the one given is left alone."""
        if self == _NOTHING:
            return record
        changed = RunRecord()
        changed.CopyFrom(record)
        for name in ("run_id", "entity", "project", "job_type"):
            value = getattr(self, name)
            if value is not None:
                setattr(changed, name, value)
        if self.tags:
            new = [self.tags.get(tag, tag) for tag in record.tags]
            del changed.tags[:]
            changed.tags.extend(dict.fromkeys(tag for tag in new if tag))
        if self.is_appended:
            kept = [item for item in changed.settings.item if item.key != "resume"]
            del changed.settings.item[:]
            changed.settings.item.extend([*kept, Item(key="resume", value_json='"allow"')])
        return changed


_NOTHING = RunChanges()


def parse_tag_replacements(text: str) -> dict[str, str]:
    """Read ``old=new,old=new``, as the vendor's command line takes it too.

    Raises:
        UsageError: A part has no ``=``, or no old tag.
    """
    replacements = {}
    for part in filter(None, map(str.strip, text.split(","))):
        old, equals, new = part.partition("=")
        if not equals or not old.strip():
            raise UsageError(f"{part!r} replaces no tag: write old=new, several separated by commas")
        replacements[old.strip()] = new.strip()
    return replacements
