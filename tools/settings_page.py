"""Writes docs/reference/settings.md from the attributes of `kymograph.sdk.settings_fields` and their docstrings."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kymograph.sdk import settings_fields
from kymograph.sdk.settings_fields import ALIASES, REMOVED, SECRETS, SettingsFields
from kymograph.sdk.settings_sources import INIT_ARGUMENTS, NOT_IN_FILES, VARIABLES
from kymograph.sdk.settings_values import CHOICES

PAGE = Path(__file__).parents[1] / "docs/reference/settings.md"
SOURCE = Path(settings_fields.__file__)
_TYPES = {
    "str": "text",
    "bool": "true or false",
    "int": "integer",
    "float": "number",
    "tuple[str, ...]": "texts",
    "tuple[int, ...]": "integers",
    "dict[str, str]": "texts by name",
    "dict[str, dict[str, str]] | tuple[str, ...]": "texts, or texts by name",
    "RunMoment": "`<run>?_step=<n>`",
    "Callable[[], None]": "function",
    "str | bool": "text",
}
_HEAD = """\
# Settings of the SDK

<!-- Written by `make settings-page`; change what stands below the attributes of SettingsFields instead. -->

A setting can be given in several places; the later in this list wins:

1. the default;
2. the user's settings file, `~/.config/wandb/settings` (`settings_system`), which `kymograph login` writes;
3. the settings file of the folder, `kymograph/settings`, which `kymograph init`, `online` and `offline` write;
4. a variable of the environment;
5. `kymograph.setup(settings=…)`;
6. an argument of `init()`, then its `settings=…`, which takes a mapping or `kymograph.Settings(…)`;
7. what the server makes of it: the name it invents, the project it puts the run in.

`kymograph status` shows every value that somebody gave, where it comes from and what it replaced,
`kymograph status --all` the defaults as well, `kymograph status --explain NAME` one of them. In Python:

```python
import kymograph

with kymograph.init(mode="offline", project="first-steps") as run:
    print(run.settings.explain())
    (mode,) = run.settings.explain("mode")
    assert str(mode.origin) == "init()"
```

`Settings.explain(name=None, *, everything=False)` gives a tuple of explanations that prints as a table: each has
`name`, `value`, `origin` (its source, and which file or variable) and `replaced`, the values it won over, the strongest
first. With `everything`, settings that have their default are in it as well. Keys and whatever may hold a password are
shown as `(hidden)`.

A setting that does not exist is an error that names it. Those that the `wandb` client had once are taken with a
warning. Some settings of that client mean nothing here, and are taken so that no script breaks: they say "Does
nothing". Names that begin with `x_` may also be written with `_` in its place.
"""


@dataclass(frozen=True, slots=True)
class SettingRow:
    """What the page says of a setting."""

    name: str
    annotation: str
    default: Any
    words: str

    @property
    def does_nothing(self) -> bool:
        """Whether it is only accepted."""
        return self.words.startswith("Does nothing")

    @property
    def variables(self) -> list[str]:
        """Environment variables that give it, the usual one first; of the forms with ``X_`` and ``_`` only one."""
        found = [variable for variable, name in VARIABLES.items() if name == self.name and "WANDB__" not in variable]
        usual = f"WANDB_{self.name.upper()}"
        return sorted(found, key=lambda variable: (not variable.startswith("KYMOGRAPH_"), variable == usual, variable))

    def line(self) -> str:
        """Its row of the table."""
        kind = _TYPES[self.annotation.removesuffix(" | None")]
        if self.name in CHOICES and not self.does_nothing:
            kind = ", ".join(f"`{choice}`" for choice in CHOICES[self.name])
        names = [f"`{self.name}`", *(f"`{old}`" for old, new in ALIASES.items() if new == self.name)]
        arguments = [argument for argument, name in INIT_ARGUMENTS.items() if name == self.name]
        words = self.words + "".join(f" Argument `{argument}` of `init`." for argument in arguments)
        words += " Never shown." if self.name in SECRETS else ""
        words += " Not in files." if self.name in NOT_IN_FILES else ""
        variables = "—" if self.annotation.startswith("Callable") else ", ".join(f"`{it}`" for it in self.variables)
        cells = (", ".join(names), variables, kind, _default(self.default), words)
        return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def sections() -> Iterator[tuple[str, list[SettingRow]]]:
    """Title and settings of each section of the source."""
    text = SOURCE.read_text(encoding="utf-8")
    titles = {text.count("\n", 0, found.start()) + 1: found[1] for found in re.finditer(r"# --- (.+) ---", text)}
    (fields,) = (node for node in ast.parse(text).body if isinstance(node, ast.ClassDef))
    rows: dict[str, list[SettingRow]] = {title: [] for title in titles.values()}
    for node, after in zip(fields.body, [*fields.body[1:], None], strict=True):
        if not isinstance(node, ast.AnnAssign) or not isinstance(node.target, ast.Name):
            continue
        words = after.value.value if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant) else ""
        title = titles[max(line for line in titles if line < node.lineno)]
        name = node.target.id
        row = SettingRow(
            name, ast.unparse(node.annotation), getattr(SettingsFields, name), " ".join(str(words).split())
        )
        rows[title].append(row)
    yield from rows.items()


def settings_page() -> str:
    """The page."""
    parts = [_HEAD]
    for title, rows in sections():
        parts.append(
            f"\n## {title[0].upper()}{title[1:]}\n\n| Setting | Variable | Type | Default | What it does |\n"
            "| --- | --- | --- | --- | --- |\n" + "\n".join(row.line() for row in rows) + "\n"
        )
    removed = ", ".join(f"`{name}`" for name in sorted(REMOVED))
    parts.append(f"\n## Gone\n\nTaken with a warning, and without effect: {removed}.\n")
    return "".join(parts)


def _default(value: Any) -> str:
    if value is None or value in ("", ()):
        return "—"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        value = ",".join(map(str, value))
    return f"`{value}`" if isinstance(value, str) else f"{value:g}"


if __name__ == "__main__":
    PAGE.write_text(settings_page(), encoding="utf-8")
