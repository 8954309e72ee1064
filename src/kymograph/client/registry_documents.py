"""The GraphQL texts about organizations and their registries. Source: protocol.md §10; the vendor's client 0.31.0."""

from __future__ import annotations

from kymograph.client.artifact_documents import COLLECTION, MEMBERSHIP
from kymograph.client.public_documents import TEAM_FIELDS

_PAGE = "pageInfo { endCursor hasNextPage }"
_REGISTRY = """
  id name description access createdAt updatedAt entity { name organization { name } }
  allowAllArtifactTypes: allowAllArtifactTypesInRegistry
  artifactTypes(includeAll: true) { edges { node { name } } }
"""
ORGANIZATION = """
query FetchOrganization($name: String!) { organization(name: $name) { id name orgEntity { id name } } }
"""
SEARCH = """
query FetchAdvancedRegistryFeatures($organization: String!) {
  organization(name: $organization) { advancedRegistryFeatures { advancedSearch } }
}
"""
REGISTRY = f"""
query FetchRegistry($entity: String, $name: String) {{
  entity(name: $entity) {{ project(name: $name) {{ {_REGISTRY} }} }}
}}
"""
REGISTRIES = f"""
query FetchRegistries(
  $organization: String!, $filters: JSONString, $cursor: String, $perPage: Int, $order: String
) {{
  organization(name: $organization) {{ orgEntity {{
    found: projects(filters: $filters, after: $cursor, first: $perPage, order: $order) {{
      {_PAGE} edges {{ node {{ {_REGISTRY} }} }}
    }}
  }} }}
}}
"""
COLLECTIONS = f"""
query RegistryCollections(
  $organization: String!, $registries: JSONString, $filters: JSONString, $cursor: String, $perPage: Int, $order: String
) {{
  organization(name: $organization) {{ orgEntity {{
    found: artifactCollections(
      projectFilters: $registries, filters: $filters, collectionTypes: [PORTFOLIO], after: $cursor, first: $perPage,
      order: $order
    ) {{ totalCount {_PAGE} edges {{ node {{ {COLLECTION} }} }} }}
  }} }}
}}
"""
VERSIONS = f"""
query RegistryVersions(
  $organization: String!, $registries: JSONString, $collections: JSONString, $filters: JSONString, $cursor: String,
  $perPage: Int, $order: String
) {{
  organization(name: $organization) {{ orgEntity {{
    found: artifactMemberships(
      projectFilters: $registries, collectionFilters: $collections, filters: $filters, after: $cursor, first: $perPage,
      order: $order
    ) {{ {_PAGE} edges {{ node {{ {MEMBERSHIP} }} }} }}
  }} }}
}}
"""
UPSERT = f"""
mutation UpsertRegistry($input: UpsertModelInput!) {{
  upsertModel(input: $input) {{ inserted project {{ {_REGISTRY} }} }}
}}
"""
RENAME = f"""
mutation RenameRegistry($input: RenameProjectInput!) {{
  renameProject(input: $input) {{ inserted project {{ {_REGISTRY} }} }}
}}
"""
DELETE = "mutation DeleteRegistry($id: String!) { deleteModel(input: { id: $id }) { success } }"
PEOPLE = """
query RegistryUserMembers($entity: String!, $name: String!) {
  project(name: $name, entityName: $entity) { members { id name username email role { name } } }
}
"""
TEAMS = f"""
query RegistryTeamMembers($entity: String!, $name: String!) {{
  project(name: $name, entityName: $entity) {{ teamMembers {{ team {{ {TEAM_FIELDS} }} role {{ name }} }} }}
}}
"""
ADD_MEMBERS = """
mutation CreateRegistryMembers($input: CreateProjectMembersInput!) {
  result: createProjectMembers(input: $input) { success }
}
"""
REMOVE_MEMBERS = """
mutation DeleteRegistryMembers($input: DeleteProjectMembersInput!) {
  result: deleteProjectMembers(input: $input) { success }
}
"""
SET_ROLE_OF_PERSON = """
mutation UpdateUserRegistryRole($input: UpdateProjectMemberInput!) {
  result: updateProjectMember(input: $input) { success }
}
"""
SET_ROLE_OF_TEAM = """
mutation UpdateTeamRegistryRole($input: UpdateProjectTeamMemberInput!) {
  result: updateProjectTeamMember(input: $input) { success }
}
"""
