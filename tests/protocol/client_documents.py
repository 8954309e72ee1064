"""Collects the GraphQL documents that a client distribution sends, out of its wheel.

A wheel holds documents in two places: as string literals of its Python modules, some of them templates that are
completed at run time, and as constants in the bundled compiled process. Both are read as text: nothing of the wheel is
imported or run. A template is completed with everything the client could put there (`_FILLS`), so that the
result is the largest document that it can send.
"""

import ast
import itertools
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from graphql import (
    DefinitionNode,
    DocumentNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLSyntaxError,
    OperationDefinitionNode,
    Visitor,
    parse,
    print_ast,
    visit,
)


@dataclass(frozen=True, slots=True)
class ClientDocument:
    """One operation with all its fragments."""

    name: str
    """Name of the operation; different documents may share one."""
    origin: str
    """Module and line, or the name of the binary, for messages."""
    text: str


@dataclass(frozen=True, slots=True)
class _Fill:
    """What a client puts into the gaps of one template, at one place."""

    extra: tuple[str, ...]
    """The optional part; each alternative gives a document of its own."""
    base: str = ""
    """The fixed part, used only where the gap is the whole list."""


@dataclass(frozen=True, slots=True)
class _Source:
    """A string that looks like GraphQL, with each run-time gap replaced by `_GAP`."""

    origin: str
    text: str


_GAP = "\0"
_OPENING = re.compile(r"(?:#graphql)?\s*(?:#[^\n]*\n\s*)*(?:query|mutation|subscription|fragment)\b[^{]*\{")
_PERCENT = re.compile(r"%s|%\(\w+\)s")
_BRACES = re.compile(r"\{\{|\}\}|\{\w*\}")
_PLACEHOLDER = re.compile(r"\b_[A-Z][A-Za-z]*(?:_[A-Z][A-Za-z]*)+_\b|\bID_(?:TYPE|VALUE)\b")
_COMPILED = re.compile(rb"\n(?:query|mutation|subscription) \w+ ?[({]")

# Places of a gap inside a definition.
_VARIABLES, _ARGUMENTS, _FIELDS, _SPREAD, _OUTSIDE = "variables", "arguments", "fields", "spread", "outside"

_FILLS: Mapping[tuple[str, str], _Fill] = {
    ("ArtifactByName", _VARIABLES): _Fill(
        ("$enableTracking: Boolean",), "$entityName: String!, $projectName: String!, $name: String!, "
    ),
    ("ArtifactByName", _ARGUMENTS): _Fill(("enableTracking: $enableTracking",), "name: $name, "),
    ("ArtifactCollection", _FIELDS): _Fill(("artifactSequence", "artifactCollection")),
    ("ArtifactFragment", _FIELDS): _Fill(("ttlDurationSeconds ttlIsInherited tags { name }",)),
    ("Artifacts", _FIELDS): _Fill(("artifactSequence", "artifactCollection")),
    ("CreateArtifact", _VARIABLES): _Fill(
        (
            "$historyStep: Int64!, $distributedID: String, $clientID: ID!, $sequenceClientID: ID!, "
            "$ttlDurationSeconds: Int64, $tags: [TagInput!]",
        )
    ),
    ("CreateArtifact", _ARGUMENTS): _Fill(
        (
            "historyStep: $historyStep, distributedID: $distributedID, clientID: $clientID, "
            "sequenceClientID: $sequenceClientID, enableDigestDeduplication: true, "
            "ttlDurationSeconds: $ttlDurationSeconds, tags: $tags",
        )
    ),
    ("CreateArtifactFiles", _FIELDS): _Fill(
        ("storagePath uploadMultipartUrls { uploadID uploadUrlParts { partNumber uploadUrl } }",)
    ),
    ("CreateArtifactManifest", _VARIABLES): _Fill(("$type: ArtifactManifestType = FULL",)),
    ("CreateArtifactManifest", _ARGUMENTS): _Fill(("type: $type",)),
    ("DeleteRun", _VARIABLES): _Fill(("$deleteArtifacts: Boolean!",)),
    ("DeleteRun", _ARGUMENTS): _Fill(("deleteArtifacts: $deleteArtifacts",)),
    ("LinkArtifact", _VARIABLES): _Fill(("$artifactID: ID, $clientID: ID",)),
    ("LinkArtifact", _ARGUMENTS): _Fill(("artifactID: $artifactID, clientID: $clientID",)),
    ("ProjectArtifactCollections", _FIELDS): _Fill(("artifactSequences", "artifactCollections")),
    ("Run", _FIELDS): _Fill(("projectId",)),
    ("Run", _SPREAD): _Fill(("RunFragment", "LightweightRunFragment")),
    ("RunFiles", _FIELDS): _Fill(("internalId",)),
    ("RunFullHistory", _FIELDS): _Fill(("history", "events")),
    ("Runs", _FIELDS): _Fill(("internalId",)),
    ("Runs", _SPREAD): _Fill(("RunFragment", "LightweightRunFragment")),
    ("UpsertBucket", _FIELDS): _Fill(
        ("serverSettings { serverMessages { utfText plainText htmlText messageType messageLevel } }",)
    ),
    ("UpsertSweep", _FIELDS): _Fill(("project { id name entity { id name } }",)),
    ("UseArtifact", _VARIABLES): _Fill(
        ("$usedAs: String, $artifactEntityName: String, $artifactProjectName: String",),
        "$entityName: String!, $projectName: String!, $runName: String!, $artifactID: ID!, ",
    ),
    ("UseArtifact", _ARGUMENTS): _Fill(
        ("usedAs: $usedAs, artifactEntityName: $artifactEntityName, artifactProjectName: $artifactProjectName",),
        "entityName: $entityName, projectName: $projectName, runName: $runName, artifactID: $artifactID, ",
    ),
    ("Viewer", _FIELDS): _Fill(
        (
            "serverInfo { cliVersionInfo "
            "latestLocalVersionInfo { outOfDate latestVersionString versionOnThisInstanceString } }",
        )
    ),
    ("createDefaultResourceConfig", _VARIABLES): _Fill(
        ("$templateVariables: JSONString",), "$entityName: String!, $resource: String!, $config: JSONString!, "
    ),
    ("createDefaultResourceConfig", _ARGUMENTS): _Fill(
        ("templateVariables: $templateVariables",), "entityName: $entityName, resource: $resource, config: $config, "
    ),
    ("createLaunchAgent", _VARIABLES): _Fill(
        ("$agentConfig: JSONString, $version: String",),
        "$entity: String!, $project: String!, $queues: [ID!]!, $hostname: String!, ",
    ),
    ("createLaunchAgent", _ARGUMENTS): _Fill(
        ("agentConfig: $agentConfig, version: $version",),
        "entityName: $entity, projectName: $project, runQueues: $queues, hostname: $hostname, ",
    ),
    ("deleteFiles", _VARIABLES): _Fill((", $projectId: Int",)),
    ("deleteFiles", _ARGUMENTS): _Fill((", projectId: $projectId",)),
    ("pushToRunQueue", _VARIABLES): _Fill(
        ("$templateVariableValues: JSONString",), "$queueID: ID!, $runSpec: JSONString!, "
    ),
    ("pushToRunQueue", _ARGUMENTS): _Fill(
        ("templateVariableValues: $templateVariableValues",), "queueID: $queueID, runSpec: $runSpec, "
    ),
    ("pushToRunQueueByName", _VARIABLES): _Fill(
        ("$priority: Int, $templateVariableValues: JSONString",),
        "$entityName: String!, $projectName: String!, $queueName: String!, $runSpec: JSONString!, ",
    ),
    ("pushToRunQueueByName", _ARGUMENTS): _Fill(
        ("priority: $priority, templateVariableValues: $templateVariableValues",),
        "entityName: $entityName, projectName: $projectName, queueName: $queueName, runSpec: $runSpec, ",
    ),
    ("updateArtifact", _VARIABLES): _Fill(
        ("$ttlDurationSeconds: Int64, $tagsToAdd: [TagInput!], $tagsToDelete: [TagInput!], ",)
    ),
    ("updateArtifact", _ARGUMENTS): _Fill(
        ("ttlDurationSeconds: $ttlDurationSeconds, tagsToAdd: $tagsToAdd, tagsToDelete: $tagsToDelete, ",)
    ),
    ("updateArtifact", _FIELDS): _Fill(("ttlDurationSeconds ttlIsInherited",)),
}
"""Facts about the templates of the client, by definition and place."""

_REWRITES: Mapping[str, tuple[tuple[str, str], ...]] = {
    "mutation UpsertSweep(": (
        (
            "$controller: JSONString,",
            "$controller: JSONString, $launchScheduler: JSONString, $templateVariableValues: JSONString,",
        ),
        (
            "controller: $controller,",
            "controller: $controller, launchScheduler: $launchScheduler, "
            "templateVariableValues: $templateVariableValues,",
        ),
    ),
}
"""Parts that a client swaps in documents which are complete without it, by the opening of the document."""


def wheel_documents(wheel: Path) -> tuple[list[ClientDocument], list[str]]:
    """Collect the documents of one wheel, or of a folder it was unpacked into.

    Returns:
        The documents, and a message for each string that looks like a document and could not be read as one.
    """
    sources: list[_Source] = []
    for name, content in _members(wheel):
        if name.endswith(".py"):
            sources += _python_sources(name, content.decode("utf-8"))
        else:
            sources += _compiled_sources(name, content)
    return _assemble(sources)


def _members(wheel: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the files that may hold documents, with their names inside the wheel."""
    if wheel.is_dir():
        for path in sorted(wheel.rglob("*")):
            if path.is_file() and _may_hold_documents(name := path.relative_to(wheel).as_posix()):
                yield name, path.read_bytes()
        return
    with zipfile.ZipFile(wheel) as archive:
        for name in sorted(archive.namelist()):
            if _may_hold_documents(name):
                yield name, archive.read(name)


def _may_hold_documents(name: str) -> bool:
    return "/vendor/" not in name and (name.endswith(".py") or name.rpartition("/")[2].startswith("wandb-core"))


def _python_sources(name: str, text: str) -> Iterator[_Source]:
    """Yield the strings of a module that look like GraphQL."""
    tree = ast.parse(text)
    inside_f_string = {
        id(part)
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr)
        for part in ast.walk(node)
        if part is not node
    }
    for node in ast.walk(tree):
        if id(node) in inside_f_string:
            continue
        if isinstance(node, ast.JoinedStr):
            value = "".join(str(part.value) if isinstance(part, ast.Constant) else _GAP for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            value = _with_marked_gaps(node.value)
        else:
            continue
        if _OPENING.match(value):
            yield _Source(f"{name}:{node.lineno}", value)


def _with_marked_gaps(text: str) -> str:
    """Mark the gaps of a template; text that has none comes back unchanged."""
    if not _OPENING.match(text):
        return text
    text = _PLACEHOLDER.sub(_GAP, _PERCENT.sub(_GAP, text))
    if "{{" in text and "{{{" not in text and _BRACES.search(text):
        return _BRACES.sub(lambda found: {"{{": "{", "}}": "}"}.get(found[0], _GAP), text)
    return text


def _compiled_sources(name: str, content: bytes) -> Iterator[_Source]:
    """Yield the documents of a compiled program: constants that lie there back to back, without an end mark."""
    for found in _COMPILED.finditer(content):
        end = _balanced_end(content, found.start())
        while (tail := re.match(rb"\nfragment \w+ on \w+ \{", content[end : end + 200])) is not None:
            end = _balanced_end(content, end + tail.start())
        yield _Source(name, content[found.start() : end].decode("utf-8"))


def _balanced_end(content: bytes, start: int) -> int:
    """Find where the selection set that opens after `start` closes; literal objects in arguments are stepped over."""
    braces = parentheses = 0
    for offset in range(start, len(content)):
        match content[offset : offset + 1]:
            case b"(":
                parentheses += 1
            case b")":
                parentheses -= 1
            case b"{":
                braces += 1
            case b"}":
                braces -= 1
                if braces == 0 and parentheses == 0:
                    return offset + 1
    return len(content)


def _assemble(sources: Iterable[_Source]) -> tuple[list[ClientDocument], list[str]]:
    """Complete the templates, add the fragments that are defined elsewhere, and drop what occurs twice."""
    problems: list[str] = []
    parsed: list[tuple[str, DocumentNode]] = []
    for source in sources:
        for text in _completed(source.text):
            try:
                parsed.append((source.origin, parse(text)))
            except GraphQLSyntaxError as error:
                problems.append(f"{source.origin}: {error.message}")

    fragments: dict[str, list[tuple[str, FragmentDefinitionNode]]] = {}
    for origin, document in parsed:
        for definition in document.definitions:
            if isinstance(definition, FragmentDefinitionNode):
                fragments.setdefault(definition.name.value, []).append((origin, definition))

    documents: dict[str, ClientDocument] = {}
    for origin, document in parsed:
        operations = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
        for operation in operations:
            own = {node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)}
            needed, missing = _needed_fragments(operation, own, fragments, origin)
            if missing:
                problems.append(f"{origin}: no fragment {', '.join(sorted(missing))}")
                continue
            text = print_ast(DocumentNode(definitions=(operation, *needed)))
            name = operation.name.value if operation.name else ""
            documents.setdefault(text, ClientDocument(name, origin, text))
    return list(documents.values()), problems


def _needed_fragments(
    operation: OperationDefinitionNode,
    own: Mapping[str, FragmentDefinitionNode],
    everywhere: Mapping[str, list[tuple[str, FragmentDefinitionNode]]],
    origin: str,
) -> tuple[list[FragmentDefinitionNode], set[str]]:
    """Follow the spreads of an operation: its own fragments first, then those of its module, then any other."""
    found: dict[str, FragmentDefinitionNode] = {}
    missing: set[str] = set()
    module = origin.rpartition(":")[0]
    waiting = list(_spreads(operation))
    while waiting:
        name = waiting.pop()
        if name in found or name in missing:
            continue
        candidates = everywhere.get(name, [])
        nearby = [node for place, node in candidates if place.rpartition(":")[0] == module]
        chosen = own.get(name) or next(iter(nearby or [node for _, node in candidates]), None)
        if chosen is None:
            missing.add(name)
            continue
        found[name] = chosen
        waiting += _spreads(chosen)
    return list(found.values()), missing


def _spreads(node: DefinitionNode) -> list[str]:
    names: list[str] = []

    class Collector(Visitor):
        def enter_fragment_spread(self, spread: FragmentSpreadNode, *_: object) -> None:
            names.append(spread.name.value)

    visit(node, Collector())
    return names


def _completed(text: str) -> Iterator[str]:
    """Yield the text with its gaps filled, once for each combination of alternatives."""
    for opening, changes in _REWRITES.items():
        if opening in text and changes[0][0] in text and changes[0][1] not in text:
            rewritten = text
            for old, new in changes:
                rewritten = rewritten.replace(old, new)
            yield from _completed(rewritten)
    if _GAP not in text:
        yield text
        return
    pieces = text.split(_GAP)
    choices: list[tuple[str, ...]] = []
    filled: set[tuple[str, str]] = set()
    before = ""
    for piece in pieces[:-1]:
        before += piece
        definition, place = _place(before)
        fill = _FILLS.get((definition, place))
        if fill is None or (definition, place) in filled:
            choices.append(("",))
        else:
            filled.add((definition, place))
            base = fill.base if before.rstrip()[-1:] in "({" else ""
            choices.append(tuple(base + _without_named(extra, text) for extra in fill.extra))
        before += "_"
    for combination in itertools.product(*choices):
        yield "".join(itertools.chain.from_iterable(zip(pieces, (*combination, ""), strict=True)))


def _without_named(extra: str, text: str) -> str:
    """Leave out the parts of a list whose names the template has already."""
    parts = extra.split(", ")
    return ", ".join(
        part
        for part in parts
        if ":" not in part or not re.search(rf"(?<![\w$]){re.escape(part.split(':')[0])}\s*:", text)
    )


def _place(before: str) -> tuple[str, str]:
    """Say in which definition, and where in it, the gap after `before` lies."""
    stack: list[str] = []
    definition = ""
    selecting = False
    for token in re.finditer(r"\b(?:query|mutation|subscription|fragment)\s+(\w+)|[(){}]", before):
        match token[0]:
            case "(" | "{":
                stack.append(token[0])
                selecting = selecting or stack == ["{"]
            case ")" | "}":
                stack.pop()
                selecting = selecting and bool(stack)
            case _ if not stack:
                definition = token[1]
    if not stack:
        return definition, _OUTSIDE
    if before.endswith("..."):
        return definition, _SPREAD
    if "(" not in stack:
        return definition, _FIELDS
    return definition, _ARGUMENTS if selecting else _VARIABLES
