"""Colours and weights of console text: what "Select Graphic Rendition" sequences add up to.

A line that is shown by itself has to bring its colours with it, wherever they were switched on. So the styles are kept
a cell, and written out again as the shortest sequences that lead from one to the next.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

_OFF = {22: ("weight", "faint"), 23: ("italic",), 24: ("underline",), 25: ("blink",), 27: ("inverse",)} | {
    28: ("hidden",),
    29: ("strike",),
    39: ("colour",),
    49: ("background",),
    54: ("frame",),
    55: ("overline",),
    59: ("underline colour",),
}
_ON = {1: "weight", 2: "faint", 3: "italic", 4: "underline", 5: "blink", 6: "blink", 7: "inverse", 8: "hidden"} | {
    9: "strike",
    21: "underline",
    51: "frame",
    52: "frame",
    53: "overline",
}
_EXTENDED = {38: "colour", 48: "background", 58: "underline colour"}


@dataclass(frozen=True, slots=True)
class Style:
    """How a cell looks; made by `restyled` only, so that equal styles are one object."""

    codes: tuple[tuple[str, str], ...] = ()
    """What is set, and the parameters that set it, by name."""

    def after(self, before: Style) -> str:
        """The sequence that leads from `before` to this style."""
        if self is before:
            return ""
        if not self.codes:
            return "\x1b[0m"
        known = dict(self.codes)
        if any(name not in known for name, _ in before.codes):
            return f"\x1b[0;{';'.join(parameters for _, parameters in self.codes)}m"
        last = dict(before.codes)
        return f"\x1b[{';'.join(parameters for name, parameters in self.codes if last.get(name) != parameters)}m"


PLAIN = Style()


@lru_cache(maxsize=1024)
def restyled(style: Style, arguments: str) -> Style:
    """The style that `style` becomes by a sequence of these arguments, such as ``1;31``; unknown ones do nothing."""
    codes = dict(style.codes)
    parameters = arguments.split(";")
    while parameters:
        parameter = parameters.pop(0)
        head, *rest = parameter.split(":")
        code = int(head) if head.isdecimal() else 0 if not head else -1
        if code == 0:
            codes.clear()
        elif code in _EXTENDED:
            if not rest and parameters:
                count = {"5": 1, "2": 3}.get(parameters[0], 0)
                parameter = ";".join([parameter, *parameters[: count + 1]])
                del parameters[: count + 1]
            codes[_EXTENDED[code]] = parameter
        elif parameter == "4:0":
            codes.pop("underline", None)
        elif code in _ON:
            codes[_ON[code]] = parameter
        elif code in _OFF:
            for name in _OFF[code]:
                codes.pop(name, None)
        elif 30 <= code <= 37 or 90 <= code <= 97:
            codes["colour"] = parameter
        elif 40 <= code <= 47 or 100 <= code <= 107:
            codes["background"] = parameter
    return _unique(tuple(sorted(codes.items())))


@lru_cache(maxsize=1024)
def _unique(codes: tuple[tuple[str, str], ...]) -> Style:
    return Style(codes) if codes else PLAIN
