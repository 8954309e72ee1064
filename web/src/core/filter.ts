/** What people type into the run filter, as the REST `q` parameter. */

const FIELDS: ReadonlyMap<string, string> = new Map([
  ['state', 'state'],
  ['name', 'display_name'],
  ['group', 'group'],
  ['tag', 'tags'],
  ['tags', 'tags'],
  ['user', 'username'],
  ['job_type', 'jobType'],
])

const OPERATORS: ReadonlyMap<string, string> = new Map([
  ['=', '$eq'],
  ['!=', '$ne'],
  ['<', '$lt'],
  ['<=', '$lte'],
  ['>', '$gt'],
  ['>=', '$gte'],
  ['~', '$regex'],
])

const TERM =
  /^(config\.[^\s=<>!~]+|summary\.[^\s=<>!~]+|[a-z_]+)\s*(<=|>=|!=|=|<|>|~)\s*("(?:[^"\\]|\\.)*"|\S+)$/i

/**
 * Words stay words. When every part (joined by `and`) is `key operator value`, the protocol's filter form
 * is sent instead. JSON is passed on as it is.
 */
export function toQuery(text: string): string {
  const trimmed = text.trim()
  if (trimmed === '' || trimmed.startsWith('{')) return trimmed
  const terms = trimmed.split(/\s+and\s+/i).map(toTerm)
  if (terms.some((term) => term === null)) return trimmed
  return JSON.stringify(terms.length === 1 ? terms[0] : { $and: terms })
}

function toTerm(text: string): Record<string, unknown> | null {
  const match = TERM.exec(text.trim())
  const [, key = '', symbol = '', raw = ''] = match ?? []
  const operator = OPERATORS.get(symbol)
  const path = fieldPath(key)
  if (operator === undefined || path === null) return null
  const value = parseValue(raw)
  return { [path]: operator === '$eq' ? value : { [operator]: value } }
}

function fieldPath(key: string): string | null {
  if (key.startsWith('config.')) return `config.${key.slice(7)}.value`
  if (key.startsWith('summary.')) return `summary_metrics.${key.slice(8)}`
  return FIELDS.get(key.toLowerCase()) ?? null
}

function parseValue(raw: string): unknown {
  try {
    return JSON.parse(raw) as unknown
  } catch {
    return raw
  }
}
