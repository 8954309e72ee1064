"""Invented display names: adjective, noun, counter."""

from __future__ import annotations

from hashlib import blake2b

ADJECTIVES = ["amber", "ample", "apt", "autumn", "azure", "bold", "brave", "breezy", "bright", "brisk", "calm", "candid", "clear", "clever", "coastal", "copper", "cosmic", "cosy", "crisp", "curious", "daring", "dawn", "deep", "deft", "distant", "eager", "early", "earnest", "easy", "electric", "even", "fabled", "fair", "fleet", "floral", "fluent", "fond", "frank", "fresh", "frosty", "gentle", "gilded", "glad", "golden", "graceful", "grand", "green", "hardy", "hidden", "honest", "humble", "icy", "indigo", "ivory", "jolly", "keen", "kind", "light", "lively", "lucid", "lucky", "lunar", "mellow", "merry", "mild", "misty", "modest", "mossy", "neat", "nimble", "noble", "northern", "opal", "open", "orderly", "patient", "placid", "playful", "polar", "polite", "proud", "pure", "quick", "quiet", "radiant", "rapid", "rare", "restful", "rosy", "royal", "ruby", "rustic", "sage", "scarlet", "serene", "sharp", "silent", "silver", "simple", "sleek", "smooth", "snowy", "soft", "solar", "sound", "southern", "spring", "stable", "steady", "still", "stoic", "summer", "sunny", "swift", "tender", "tidal", "tidy", "tranquil", "true", "upbeat", "vast", "velvet", "verdant", "vivid", "warm", "western", "wild", "winter", "wise", "witty", "young", "zesty"]
NOUNS = ["acorn", "anchor", "arrow", "aspen", "atlas", "aurora", "badger", "bay", "beacon", "birch", "bloom", "breeze", "bridge", "brook", "canyon", "cedar", "cliff", "cloud", "clover", "comet", "coral", "cove", "crane", "creek", "crest", "cricket", "delta", "dew", "dolphin", "dune", "eagle", "ember", "falcon", "fern", "field", "finch", "fjord", "flame", "flint", "forest", "fountain", "fox", "garden", "geyser", "glacier", "glade", "grove", "gull", "harbor", "hawk", "hazel", "heron", "hill", "horizon", "island", "ivy", "jasper", "juniper", "kestrel", "lagoon", "lake", "lantern", "lark", "laurel", "leaf", "lichen", "lily", "lotus", "lynx", "maple", "marsh", "meadow", "mesa", "meteor", "moon", "moss", "mountain", "nebula", "nest", "oak", "oasis", "ocean", "orbit", "orchid", "otter", "owl", "peak", "pebble", "pine", "plain", "planet", "plover", "pond", "poppy", "prairie", "puffin", "quartz", "rain", "raven", "reef", "ridge", "river", "robin", "rowan", "sail", "sequoia", "shore", "sky", "sparrow", "spruce", "star", "stone", "stream", "summit", "swallow", "thicket", "thistle", "tide", "trail", "tundra", "valley", "violet", "wave", "willow", "wind", "wren", "zephyr"]


def invent_name(run_id: str, counter: int) -> str:
    """A name like ``gentle-heron-12``, always the same for the same run.

    Args:
        run_id: Chooses the words.
        counter: Number of the run in its project, from 1.
    """
    digest = blake2b(run_id.encode(errors="replace"), digest_size=8).digest()
    adjective = ADJECTIVES[int.from_bytes(digest[:4], "big") % len(ADJECTIVES)]
    noun = NOUNS[int.from_bytes(digest[4:], "big") % len(NOUNS)]
    return f"{adjective}-{noun}-{counter}"
