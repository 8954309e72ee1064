"""Documents of the public reads. Fields as servers of the protocol know them. Source: protocol.md §6, §11, §12.3."""

from __future__ import annotations

LIGHT_RUN = """
  id name displayName projectId sweepName state group jobType commit readOnly createdAt heartbeatAt
  description notes tags historyLineCount user { name username }
"""
FULL_RUN = f"""
  {LIGHT_RUN} config summaryMetrics systemMetrics historyKeys
"""
_USER = """
  id name username email admin flags entity deletedAt
  apiKeys { edges { node { id name description } } }
  teams { edges { node { name } } }
"""
_PROJECT = f"""
  id internalId name entityName createdAt isBenchmark user {{ {_USER} }}
"""
_PAGE = "pageInfo { endCursor hasNextPage }"

VIEWER = f"query Viewer {{ viewer {{ {_USER} }} }}"
DEFAULT_ENTITY = "query DefaultEntity { viewer { id entity } }"
USERS = f"query SearchUsers($query: String) {{ users(query: $query) {{ edges {{ node {{ {_USER} }} }} }} }}"
TEAM_FIELDS = """
  id name available photoUrl readOnly readOnlyAdmin isTeam privateOnly storageBytes codeSavingEnabled defaultAccess
  isPaid members { id admin pending email username name photoUrl accountType apiKey }
"""
TEAM = f"query Team($name: String!) {{ entity(name: $name) {{ {TEAM_FIELDS} }} }}"
PROJECTS = f"""
query Projects($entity: String, $cursor: String, $perPage: Int) {{
  models(entityName: $entity, after: $cursor, first: $perPage) {{
    edges {{ node {{ {_PROJECT} }} }} {_PAGE}
  }}
}}
"""
PROJECT = (
    f"query Project($entity: String, $name: String!) {{ project(name: $name, entityName: $entity) {{ {_PROJECT} }} }}"
)
CREATE_PROJECT = """
mutation CreateProject($entity: String, $name: String!) {
  upsertModel(input: { name: $name, entityName: $entity }) { inserted project { id name entityName } }
}
"""
_SWEEP = "id name displayName method state description bestLoss config createdAt updatedAt runCount runCountExpected"
SWEEP = f"""
query Sweep($entity: String, $project: String, $name: String!) {{
  project(name: $project, entityName: $entity) {{ sweep(sweepName: $name) {{ {_SWEEP} }} }}
}}
"""
SWEEPS = f"""
query Sweeps($entity: String!, $project: String!, $cursor: String, $perPage: Int) {{
  project(name: $project, entityName: $entity) {{
    totalSweeps
    sweeps(after: $cursor, first: $perPage) {{ edges {{ node {{ {_SWEEP} }} }} {_PAGE} }}
  }}
}}
"""
SWEEPS_WITH_FILTERS = SWEEPS.replace("$perPage: Int)", "$perPage: Int, $filters: JSONString)").replace(
    "first: $perPage)", "first: $perPage, filters: $filters)"
)
REPORTS = f"""
query Reports($entity: String!, $project: String!, $cursor: String, $perPage: Int, $viewName: String) {{
  project(name: $project, entityName: $entity) {{
    allViews(viewType: "runs", viewName: $viewName, first: $perPage, after: $cursor) {{
      edges {{ cursor node {{
        id name displayName description user {{ username photoUrl email }} spec updatedAt createdAt
      }} }}
      {_PAGE}
    }}
  }}
}}
"""
RUN_QUEUES = """
query RunQueues($entity: String!, $project: String!) {
  project(name: $project, entityName: $entity) { runQueues { id name createdBy access } }
}
"""


def runs(*, is_light: bool) -> str:
    """A page of the runs of a project."""
    return f"""
query Runs($entity: String!, $project: String!, $cursor: String, $perPage: Int, $order: String, $filters: JSONString) {{
  project(name: $project, entityName: $entity) {{
    internalId readOnly runCount(filters: $filters)
    runs(filters: $filters, after: $cursor, first: $perPage, order: $order) {{
      edges {{ node {{ {LIGHT_RUN if is_light else FULL_RUN} }} cursor }} {_PAGE}
    }}
  }}
}}
"""


def of_run(fields: str, variables: str = "") -> str:
    """Something of one run.

    Args:
        fields: What is asked for.
        variables: Their declarations, each with a comma before it.
    """
    return f"""
query Run($entity: String!, $project: String!, $name: String!{variables}) {{
  project(name: $project, entityName: $entity) {{ run(name: $name) {{ {fields} }} }}
}}
"""


RUN = of_run(FULL_RUN)
LIGHT = of_run(LIGHT_RUN)
STATE = of_run("state")
HISTORY_KEYS = of_run("historyKeys")
SAMPLED = of_run("sampledHistory(specs: $specs)", ", $specs: [JSONString!]!")
HISTORY = of_run("history(samples: $samples)", ", $samples: Int")
EVENTS = of_run("events(samples: $samples)", ", $samples: Int")
ROWS = of_run(
    "history(minStep: $minStep, maxStep: $maxStep, samples: $samples)",
    ", $minStep: Int64!, $maxStep: Int64!, $samples: Int!",
)
PARQUET = of_run("parquetHistory(liveKeys: $keys) { parquetUrls liveData }", ", $keys: [String!]")
CONSOLE = of_run(
    f"""logLines(first: $first, after: $after, last: $last, useImprovedPagination: true) {{
      edges {{ node {{ number timestamp level label line }} }} {_PAGE}
    }}""",
    ", $first: Int, $after: String, $last: Int",
)
FILES = of_run(
    f"""fileCount files(names: $names, pattern: $pattern, after: $cursor, first: $perPage) {{
      edges {{ node {{ id name url directUrl sizeBytes mimetype updatedAt md5 }} cursor }} {_PAGE}
    }}""",
    ", $names: [String], $pattern: String, $cursor: String, $perPage: Int",
)
CREATE_RUN = """
mutation CreateRun($entity: String, $project: String, $name: String!, $state: String) {
  upsertBucket(input: { modelName: $project, entityName: $entity, name: $name, state: $state }) {
    bucket { id name project { name entity { name } } }
    inserted
  }
}
"""
UPDATE_RUN = """
mutation UpdateRun(
  $id: String!, $description: String, $displayName: String, $notes: String, $tags: [String!], $config: JSONString,
  $group: String, $jobType: String
) {
  upsertBucket(input: {
    id: $id, description: $description, displayName: $displayName, notes: $notes, tags: $tags, config: $config,
    groupName: $group, jobType: $jobType
  }) { bucket { id } }
}
"""
UPDATE_SUMMARY = """
mutation UpdateSummary($id: String!, $summary: JSONString!) {
  upsertBucket(input: { id: $id, summaryMetrics: $summary }) { bucket { id } }
}
"""
DELETE_RUN = "mutation DeleteRun($id: ID!) { deleteRun(input: { id: $id }) { clientMutationId } }"
DELETE_RUN_WITH_ARTIFACTS = """
mutation DeleteRun($id: ID!) { deleteRun(input: { id: $id, deleteArtifacts: true }) { clientMutationId } }
"""
UPDATE_STATE = "mutation UpdateRunState($input: UpdateRunStateInput!) { updateRunState(input: $input) { success } }"
STOP_RUN = "mutation StopRun($id: ID!) { stopRun(input: { id: $id }) { success } }"
DELETE_FILES = """
mutation DeleteFiles($files: [ID!]!, $projectId: Int) {
  deleteFiles(input: { files: $files, projectId: $projectId }) { success }
}
"""
CREATE_FILES = """
mutation CreateRunFiles($entity: String!, $project: String!, $run: String!, $files: [String!]!) {
  createRunFiles(input: { entityName: $entity, projectName: $project, runName: $run, files: $files }) {
    uploadHeaders files { name uploadUrl }
  }
}
"""
MARK_UPLOADED = """
mutation MarkRunFilesUploaded($entity: String!, $project: String!, $run: String!, $files: [String!]!) {
  markRunFilesUploaded(input: { entityName: $entity, projectName: $project, runName: $run, files: $files }) { success }
}
"""
CREATE_TEAM = """
mutation CreateTeam($team: String!, $admin: String) {
  createTeam(input: { teamName: $team, teamAdminUserName: $admin }) { entity { id name } }
}
"""
CREATE_INVITE = """
mutation CreateInvite($entity: String!, $email: String, $username: String, $admin: Boolean) {
  createInvite(input: { entityName: $entity, email: $email, username: $username, admin: $admin }) { invite { id } }
}
"""
DELETE_INVITE = """
mutation DeleteInvite($id: String, $entity: String) {
  deleteInvite(input: { id: $id, entityName: $entity }) { success }
}
"""
CREATE_SERVICE_ACCOUNT = """
mutation CreateServiceAccount($entity: String!, $description: String!) {
  createServiceAccount(input: { entityName: $entity, description: $description }) { user { id } }
}
"""
CREATE_USER = f"""
mutation CreateUser($email: String!, $admin: Boolean) {{
  createUser(input: {{ email: $email, admin: $admin }}) {{ user {{ {_USER} }} }}
}}
"""
GENERATE_KEY = """
mutation GenerateApiKey($description: String) {
  generateApiKey(input: { description: $description }) { apiKey { id name description } }
}
"""
DELETE_KEY = "mutation DeleteApiKey($id: String!) { deleteApiKey(input: { id: $id }) { success } }"
