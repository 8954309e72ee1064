"""The GraphQL texts about artifacts. Source: protocol.md §7, §9; the vendor's client 0.31.0 for names and types."""

from __future__ import annotations

PROJECT = "id internalId name entity { name }"
_COLLECTION = f"__typename name project {{ {PROJECT} }}"
ARTIFACT = f"""
  __typename id
  artifactSequence {{ {_COLLECTION} }}
  versionIndex artifactType {{ name }} description metadata ttlDurationSeconds ttlIsInherited
  tags {{ __typename id name }}
  historyStep state size digest commitHash fileCount createdAt updatedAt
  aliases {{ __typename id alias artifactCollection {{ {_COLLECTION} }} }}
"""
MEMBERSHIP_PLACE = f"""
  versionIndex createdAt
  aliases {{ __typename id alias }}
  artifactCollection {{ {_COLLECTION} }}
"""
MEMBERSHIP = f"__typename id {MEMBERSHIP_PLACE} artifact {{ {ARTIFACT} }}"
COLLECTION = f"""
  __typename id name description createdAt updatedAt project {{ {PROJECT} }}
  type: defaultArtifactType {{ name }}
  tags {{ edges {{ node {{ __typename id name }} }} }}
"""
_TYPE = "__typename id name description createdAt"
_PAGE = "pageInfo { endCursor hasNextPage }"
_RUN = f"__typename id name project {{ {PROJECT} }}"

# --- look-ups ---------------------------------------------------------------------------------------------------------

BY_ID = f"query ArtifactByID($id: ID!) {{ artifact(id: $id) {{ {ARTIFACT} }} }}"
ALGORITHM_BY_ID = "query ArtifactAlgorithm($id: ID!) { artifact(id: $id) { digestAlgorithm } }"
STATE_BY_ID = "query ArtifactState($id: ID!) { artifact(id: $id) { id state } }"
MEMBERSHIP_BY_NAME = f"""
query ArtifactMembershipByName($entity: String!, $project: String!, $name: String!) {{
  project(name: $project, entityName: $entity) {{
    artifactCollectionMembership(name: $name) {{ {MEMBERSHIP} }}
  }}
}}
"""
BY_NAME = f"""
query ArtifactByName($entity: String!, $project: String!, $name: String!) {{
  project(name: $project, entityName: $entity) {{ artifact(name: $name) {{ {ARTIFACT} }} }}
}}
"""
TYPE_BY_NAME = """
query ArtifactType($entity: String, $project: String, $name: String!) {
  project(name: $project, entityName: $entity) { artifact(name: $name) { artifactType { name } } }
}
"""
CLIENT_ID = "query ClientIDMapping($clientID: ID!) { clientIDMapping(clientID: $clientID) { serverID } }"
MANIFEST = """
query FetchArtifactManifest($id: ID!) { artifact(id: $id) { currentManifest { file { directUrl } } } }
"""
USED_BY = f"query ArtifactUsedBy($id: ID!) {{ artifact(id: $id) {{ usedBy {{ edges {{ node {{ {_RUN} }} }} }} }} }}"
CREATED_BY = f"""
query ArtifactCreatedBy($id: ID!) {{ artifact(id: $id) {{ createdBy {{ __typename ... on Run {{ {_RUN} }} }} }} }}
"""
LINKED = f"""
query FetchLinkedArtifacts($artifactID: ID!) {{
  artifact(id: $artifactID) {{ artifactMemberships {{ edges {{ node {{ {MEMBERSHIP_PLACE} }} }} }} }}
}}
"""


def run_artifacts(which: str) -> str:
    """Versions of a run: ``input`` for those it used, ``output`` for those it made."""
    return f"""
query Run{which.title()}Artifacts($entity: String!, $project: String!, $run: String!, $cursor: String, $perPage: Int) {{
  project(entityName: $entity, name: $project) {{
    run(name: $run) {{
      artifacts: {which}Artifacts(after: $cursor, first: $perPage) {{
        totalCount {_PAGE} edges {{ node {{ {ARTIFACT} }} }}
      }}
    }}
  }}
}}
"""


ORGANIZATION = """
query FetchOrgInfoFromEntity($entity: String!) {
  entity(name: $entity) {
    organization { name orgEntity { name } }
    user { organizations { name orgEntity { name } } }
  }
}
"""
READ_ONLY = """
query FetchProject($entity: String!, $project: String!) {
  project(entityName: $entity, name: $project) { name readOnly }
}
"""

# --- changes ----------------------------------------------------------------------------------------------------------

USE = "mutation UseArtifact($input: UseArtifactInput!) { useArtifact(input: $input) { artifact { id } } }"
ADD_ALIASES = "mutation AddAliases($input: AddAliasesInput!) { result: addAliases(input: $input) { success } }"
DELETE_ALIASES = """
mutation DeleteAliases($input: DeleteAliasesInput!) { result: deleteAliases(input: $input) { success } }
"""
UPDATE = f"""
mutation UpdateArtifact($input: UpdateArtifactInput!) {{
  result: updateArtifact(input: $input) {{ artifact {{ {ARTIFACT} }} }}
}}
"""
DELETE = """
mutation DeleteArtifact($input: DeleteArtifactInput!) { result: deleteArtifact(input: $input) { artifact { id } } }
"""
LINK = """
mutation LinkArtifact($input: LinkArtifactInput!) { result: linkArtifact(input: $input) { versionIndex } }
"""
LINK_WITH_MEMBERSHIP = f"""
mutation LinkArtifact($input: LinkArtifactInput!) {{
  result: linkArtifact(input: $input) {{ versionIndex artifactMembership {{ {MEMBERSHIP} }} }}
}}
"""
UNLINK = "mutation UnlinkArtifact($input: UnlinkArtifactInput!) { result: unlinkArtifact(input: $input) { success } }"

# --- uploads ----------------------------------------------------------------------------------------------------------

CREATE = """
mutation CreateArtifact($input: CreateArtifactInput!) {
  createArtifact(input: $input) { artifact { id state artifactSequence { latestArtifact { id } } } }
}
"""
_MANIFEST_FILE = """
  artifactManifest {
    id file { id uploadUrl @include(if: $includeUpload) uploadHeaders @include(if: $includeUpload) }
  }
"""
CREATE_MANIFEST = f"""
mutation CreateArtifactManifest(
  $artifactID: ID!, $baseArtifactID: ID, $name: String!, $digest: String!, $entityName: String!,
  $projectName: String!, $runName: String!, $manifestType: ArtifactManifestType!, $includeUpload: Boolean!
) {{
  createArtifactManifest(input: {{
    artifactID: $artifactID, baseArtifactID: $baseArtifactID, name: $name, digest: $digest, entityName: $entityName,
    projectName: $projectName, runName: $runName, type: $manifestType
  }}) {{ {_MANIFEST_FILE} }}
}}
"""
UPDATE_MANIFEST = f"""
mutation UpdateArtifactManifest(
  $artifactManifestID: ID!, $digest: String, $baseArtifactID: ID, $includeUpload: Boolean!
) {{
  updateArtifactManifest(input: {{
    artifactManifestID: $artifactManifestID, digest: $digest, baseArtifactID: $baseArtifactID
  }}) {{ {_MANIFEST_FILE} }}
}}
"""
_UPLOADS = """
  files { edges { node {
    storagePath uploadUrl uploadHeaders
    uploadMultipartUrls { uploadID uploadUrlParts { partNumber uploadUrl } }
    artifact { id }
  } } }
"""
CREATE_FILES = f"""
mutation CreateArtifactFiles(
  $artifactFiles: [CreateArtifactFileSpecInput!]!, $storageLayout: ArtifactStorageLayout!
) {{
  createArtifactFiles(input: {{ artifactFiles: $artifactFiles, storageLayout: $storageLayout }}) {{ {_UPLOADS} }}
}}
"""
CREATE_FILES_WITH_ALGORITHM = f"""
mutation CreateArtifactFiles(
  $artifactFiles: [CreateArtifactFileSpecInput!]!, $storageLayout: ArtifactStorageLayout!,
  $digestAlgorithm: ArtifactDigestAlgorithm
) {{
  createArtifactFiles(input: {{
    artifactFiles: $artifactFiles, storageLayout: $storageLayout, digestAlgorithm: $digestAlgorithm
  }}) {{ {_UPLOADS} }}
}}
"""
COMPLETE_PARTS = """
mutation CompleteMultipartUploadArtifact(
  $completeMultipartAction: CompleteMultipartAction!, $completedParts: [UploadPartsInput!]!, $artifactID: ID!,
  $storagePath: String!, $uploadID: String!
) {
  completeMultipartUploadArtifact(input: {
    completeMultipartAction: $completeMultipartAction, completedParts: $completedParts, artifactID: $artifactID,
    storagePath: $storagePath, uploadID: $uploadID
  }) { digest }
}
"""
COMMIT = """
mutation CommitArtifact($artifactID: ID!) {
  commitArtifact(input: { artifactID: $artifactID }) { artifact { id digest } }
}
"""

# --- files ------------------------------------------------------------------------------------------------------------

_FILE = "__typename id name: displayName url sizeBytes storagePath mimetype updatedAt digest md5 directUrl"


def membership_files(*, with_total: bool) -> str:
    """Files of a version by its place in a collection, with all that is known of each."""
    return f"""
query ArtifactMembershipFiles(
  $entity: String!, $project: String!, $collection: String!, $alias: String!, $fileNames: [String!], $cursor: String,
  $perPage: Int = 50
) {{
  project(name: $project, entityName: $entity) {{ artifactCollection(name: $collection) {{
    artifactMembership(aliasName: $alias) {{
      files(names: $fileNames, after: $cursor, first: $perPage) {{
        {"totalCount" if with_total else ""} {_PAGE} edges {{ node {{ {_FILE} }} }}
      }}
    }}
  }} }}
}}
"""


FILE_URLS = f"""
query GetArtifactMembershipFileUrls(
  $entity: String!, $project: String!, $collection: String!, $alias: String!, $cursor: String, $perPage: Int
) {{
  project(name: $project, entityName: $entity) {{ artifactCollection(name: $collection) {{
    artifactMembership(aliasName: $alias) {{
      files(after: $cursor, first: $perPage) {{ {_PAGE} edges {{ node {{ __typename name directUrl }} }} }}
    }}
  }} }}
}}
"""
FILE_URLS_OF_ENTRIES = """
query ArtifactFileURLsByManifestEntries(
  $id: ID!, $entries: [ArtifactManifestEntryInput!], $storageLayout: String!, $manifestVersion: String!,
  $storageRegion: String
) {
  artifact(id: $id) {
    filesByManifestEntries(
      storageLayout: $storageLayout, manifestVersion: $manifestVersion, entries: $entries,
      storageRegion: $storageRegion
    ) { edges { node { name directUrl } } }
  }
}
"""

# --- collections ------------------------------------------------------------------------------------------------------

TYPES = f"""
query ProjectArtifactTypes($entity: String!, $project: String!, $cursor: String, $perPage: Int) {{
  project(name: $project, entityName: $entity) {{
    artifactTypes(after: $cursor, first: $perPage) {{ edges {{ node {{ {_TYPE} }} }} {_PAGE} }}
  }}
}}
"""
TYPE = f"""
query ProjectArtifactType($entity: String!, $project: String!, $type: String!) {{
  project(entityName: $entity, name: $project) {{ artifactType(name: $type) {{ {_TYPE} }} }}
}}
"""
ONE_COLLECTION = f"""
query ProjectArtifactCollection($entity: String!, $project: String!, $type: String!, $name: String!) {{
  project(entityName: $entity, name: $project) {{
    artifactType(name: $type) {{ artifactCollection(name: $name) {{ {COLLECTION} }} }}
  }}
}}
"""


def collections(*, with_filters: bool) -> str:
    """Collections of one type; filters and orders only where the server knows them."""
    declared, connection = _collections(with_filters=with_filters, with_total=True)
    return f"""
query ArtifactTypeArtifactCollections($type: String!, {declared}) {{
  project(entityName: $entity, name: $project) {{ artifactType(name: $type) {{ {connection} }} }}
}}
"""


def project_collections(*, with_filters: bool) -> str:
    """Collections of all types of a project; where the server knows filters, it also counts."""
    declared, connection = _collections(with_filters=with_filters, with_total=with_filters)
    return f"""
query ProjectArtifactCollections({declared}) {{
  project(entityName: $entity, name: $project) {{ {connection} }}
}}
"""


def _collections(*, with_filters: bool, with_total: bool) -> tuple[str, str]:
    """Variables and field of a question for collections."""
    declared, given = (
        (", $filters: JSONString, $order: String", ", filters: $filters, order: $order") if with_filters else ("", "")
    )
    return (
        f"$entity: String!, $project: String!, $cursor: String, $perPage: Int{declared}",
        f"""artifactCollections(after: $cursor, first: $perPage{given}) {{
          {"totalCount" if with_total else ""} {_PAGE} edges {{ node {{ {COLLECTION} }} }}
        }}""",
    )


COLLECTION_ALIASES = f"""
query ArtifactCollectionAliases($id: ID!, $cursor: String, $perPage: Int = 1000) {{
  artifactCollection(id: $id) {{
    aliases(after: $cursor, first: $perPage) {{ {_PAGE} edges {{ node {{ __typename id alias }} }} }}
  }}
}}
"""
VERSIONS = f"""
query ProjectArtifacts(
  $entity: String!, $project: String!, $type: String!, $collection: String!, $cursor: String, $perPage: Int = 50,
  $order: String, $filters: JSONString
) {{
  project(entityName: $entity, name: $project) {{ artifactType(name: $type) {{
    artifactCollection(name: $collection) {{
      artifacts(after: $cursor, first: $perPage, order: $order, filters: $filters) {{
        totalCount {_PAGE} edges {{ version node {{ {ARTIFACT} }} }}
      }}
    }}
  }} }}
}}
"""
UPDATE_SEQUENCE = f"""
mutation UpdateArtifactSequence($input: UpdateArtifactSequenceInput!) {{
  result: updateArtifactSequence(input: $input) {{ artifactCollection {{ {COLLECTION} }} }}
}}
"""
UPDATE_PORTFOLIO = f"""
mutation UpdateArtifactPortfolio($input: UpdateArtifactPortfolioInput!) {{
  result: updateArtifactPortfolio(input: $input) {{ artifactCollection {{ {COLLECTION} }} }}
}}
"""
MOVE_SEQUENCE = f"""
mutation UpdateArtifactSequenceType($input: MoveArtifactSequenceInput!) {{
  result: moveArtifactSequence(input: $input) {{ artifactCollection {{ {COLLECTION} }} }}
}}
"""
ADD_COLLECTION_TAGS = """
mutation AddArtifactCollectionTags($input: CreateArtifactCollectionTagAssignmentsInput!) {
  result: createArtifactCollectionTagAssignments(input: $input) { tags { id name } }
}
"""
DELETE_COLLECTION_TAGS = """
mutation DeleteArtifactCollectionTags($input: DeleteArtifactCollectionTagAssignmentsInput!) {
  result: deleteArtifactCollectionTagAssignments(input: $input) { success }
}
"""
DELETE_SEQUENCE = """
mutation DeleteArtifactSequence($id: ID!) {
  result: deleteArtifactSequence(input: { artifactSequenceID: $id }) { artifactCollection { __typename state } }
}
"""
DELETE_PORTFOLIO = """
mutation DeleteArtifactPortfolio($id: ID!) {
  result: deleteArtifactPortfolio(input: { artifactPortfolioID: $id }) { artifactCollection { __typename state } }
}
"""
