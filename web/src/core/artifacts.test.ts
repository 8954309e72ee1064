import { describe, expect, it } from 'vitest'
import { artifactSplat, parseArtifactPlace, shellWord, usageSnippets } from './artifacts'

describe('addresses of the artifact browser', () => {
  it.each([
    '',
    'dataset',
    'dataset/train-set',
    'dataset/train-set/v3',
    'dataset/train-set/prod/metadata',
    'dataset/train-set/v3/files',
    'dataset/train-set/v3/files/images/a b/0.png',
    'dataset/ümläut/latest/lineage',
  ])('%s is read and written', (splat) => {
    expect(artifactSplat(parseArtifactPlace(splat))).toBe(splat)
  })

  it('takes an unknown part for the overview', () => {
    expect(parseArtifactPlace('a/b/c/nonsense')).toMatchObject({ version: 'c', tab: 'overview' })
  })
})

describe('snippets', () => {
  it('quote names for Python and for a shell', () => {
    const [own, client, api, shell] = usageSnippets(
      { entity: 'me', project: 'my "p"' },
      'data set:v1',
      'http://h:1',
    )
    expect(own?.code).toContain('run.use_artifact("me/my \\"p\\"/data set:v1")')
    expect(client?.code).toContain('import wandb')
    expect(api?.code).toContain('wandb.Api().artifact(')
    expect(shell?.code).toContain(`wandb artifact get 'me/my "p"/data set:v1'`)
  })

  it('make no run in a registry', () => {
    const [own] = usageSnippets({ entity: 'acme', project: 'wandb-registry-models' }, 'net:v1', 'http://h:1')
    expect(own?.code).toContain('kymograph.init()')
    expect(own?.code).toContain('acme/wandb-registry-models/net:v1')
  })

  it('cannot be left by a quote', () => {
    expect(shellWord("a'; rm x")).toBe(`'a'\\''; rm x'`)
  })
})
