"""Who may use each GraphQL field. A field that is not declared here cannot be served: building the schema fails.

The rule of a root field says what its service checks on the entity or project that is named in the arguments; a field
of an object inherits the check that led to the object, unless `FIELD_RULES` says more.
"""

from __future__ import annotations

from enum import StrEnum


class Rule(StrEnum):
    """What a field demands of the caller. Nothing at all is served to callers who are not signed in."""

    SIGNED_IN = "signed in"
    """Shows or changes only what belongs to the caller, or what every user may know."""
    READ = "read"
    """The caller may read the entity or project; otherwise the answer is as if it did not exist."""
    WRITE = "write"
    """The caller is a member of the entity."""
    ADMINISTER = "administer"
    """The caller administers the entity."""
    SERVER_ADMIN = "server admin"
    SELF = "self"
    """Only the caller's own value, or any for a server administrator; others get null."""
    UNSUPPORTED = "unsupported"
    """Declared by the protocol and not served yet: a clear error for everybody."""


ROOT_RULES: dict[str, Rule] = {
    # Reading
    "Query.viewer": Rule.SIGNED_IN,
    "Query.users": Rule.SIGNED_IN,
    "Query.serverInfo": Rule.SIGNED_IN,
    "Query.entity": Rule.READ,
    "Query.organization": Rule.READ,
    "Query.project": Rule.READ,
    "Query.model": Rule.READ,
    "Query.models": Rule.READ,
    "Query.artifact": Rule.READ,
    "Query.artifactCollection": Rule.READ,
    "Query.clientIDMapping": Rule.READ,
    "Query.view": Rule.UNSUPPORTED,
    "Query.launchAgent": Rule.UNSUPPORTED,
    # Own account
    "Mutation.updateUser": Rule.SIGNED_IN,
    "Mutation.generateApiKey": Rule.SIGNED_IN,
    "Mutation.deleteApiKey": Rule.SIGNED_IN,
    # Accounts of others
    "Mutation.createUser": Rule.SERVER_ADMIN,
    "Mutation.createTeam": Rule.SIGNED_IN,
    "Mutation.createInvite": Rule.ADMINISTER,
    "Mutation.deleteInvite": Rule.ADMINISTER,
    # Projects and runs
    "Mutation.upsertModel": Rule.WRITE,
    "Mutation.renameProject": Rule.ADMINISTER,
    "Mutation.deleteModel": Rule.ADMINISTER,
    "Mutation.upsertBucket": Rule.WRITE,
    "Mutation.rewindRun": Rule.WRITE,
    "Mutation.stopRun": Rule.WRITE,
    "Mutation.updateRunState": Rule.WRITE,
    "Mutation.deleteRun": Rule.WRITE,
    "Mutation.notifyScriptableRunAlert": Rule.WRITE,
    "Mutation.createRunFiles": Rule.WRITE,
    "Mutation.markRunFilesUploaded": Rule.WRITE,
    "Mutation.deleteFiles": Rule.WRITE,
    # Registries
    "Mutation.createProjectMembers": Rule.ADMINISTER,
    "Mutation.deleteProjectMembers": Rule.ADMINISTER,
    "Mutation.updateProjectMember": Rule.ADMINISTER,
    "Mutation.updateProjectTeamMember": Rule.ADMINISTER,
    # Artifacts
    "Mutation.createArtifact": Rule.WRITE,
    "Mutation.createArtifactType": Rule.WRITE,
    "Mutation.createArtifactManifest": Rule.WRITE,
    "Mutation.updateArtifactManifest": Rule.WRITE,
    "Mutation.createArtifactFiles": Rule.WRITE,
    "Mutation.commitArtifact": Rule.WRITE,
    "Mutation.useArtifact": Rule.WRITE,
    "Mutation.updateArtifact": Rule.WRITE,
    "Mutation.deleteArtifact": Rule.WRITE,
    "Mutation.addAliases": Rule.WRITE,
    "Mutation.deleteAliases": Rule.WRITE,
    "Mutation.linkArtifact": Rule.WRITE,
    "Mutation.unlinkArtifact": Rule.WRITE,
    "Mutation.createArtifactPortfolio": Rule.WRITE,
    "Mutation.updateArtifactSequence": Rule.WRITE,
    "Mutation.updateArtifactPortfolio": Rule.WRITE,
    "Mutation.moveArtifactSequence": Rule.WRITE,
    "Mutation.deleteArtifactSequence": Rule.WRITE,
    "Mutation.deleteArtifactPortfolio": Rule.WRITE,
    "Mutation.createArtifactCollectionTagAssignments": Rule.WRITE,
    "Mutation.deleteArtifactCollectionTagAssignments": Rule.WRITE,
}
"""Root fields that are not listed are `Rule.UNSUPPORTED`: default is deny."""

FIELD_RULES: dict[str, Rule] = {
    "User.email": Rule.SELF,
    "User.admin": Rule.SELF,
    "User.flags": Rule.SELF,
    "User.userInfo": Rule.SELF,
    "User.apiKeys": Rule.SELF,
    "User.teams": Rule.SELF,
    "User.organizations": Rule.SELF,
    "User.entity": Rule.SELF,
    "User.projects": Rule.SELF,
    "Member.email": Rule.SIGNED_IN,
    "ProjectMember.email": Rule.SIGNED_IN,
}
"""Fields of objects that demand more than the object did."""


def rule_of(type_name: str, field_name: str) -> Rule | None:
    """The declared rule of a field; None for one that inherits from its object."""
    name = f"{type_name}.{field_name}"
    if type_name in ("Query", "Mutation"):
        return ROOT_RULES.get(name, Rule.UNSUPPORTED)
    return FIELD_RULES.get(name)
