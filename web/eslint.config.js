import js from '@eslint/js'
import reactHooks from 'eslint-plugin-react-hooks'
import globals from 'globals'
import tseslint from 'typescript-eslint'

/** Imports point towards the ground: features → panels → api, charts → core; ui knows none of them. */
const forbid = (files, groups, why) => ({
  files,
  rules: { 'no-restricted-imports': ['error', { patterns: [{ group: groups, message: why }] }] },
})

export default tseslint.config(
  { ignores: ['node_modules'] },
  js.configs.recommended,
  {
    files: ['src/**/*.{ts,tsx}', 'vite.config.ts'],
    extends: [tseslint.configs.strictTypeChecked],
    plugins: { 'react-hooks': reactHooks },
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      'react-hooks/rules-of-hooks': 'error',
      'react-hooks/exhaustive-deps': 'error',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      // `() => setX()` as a handler is the ordinary way to write one.
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      // `#private` is used where privacy matters; empty methods and classes do not occur.
      '@typescript-eslint/no-non-null-assertion': 'error',
      // Logged strings are text nodes, always.
      'no-restricted-syntax': [
        'error',
        { selector: "JSXAttribute[name.name='dangerouslySetInnerHTML']", message: 'Text nodes only.' },
        {
          selector: 'MemberExpression[property.name=/^(innerHTML|outerHTML)$/]',
          message: 'Text nodes only.',
        },
        {
          selector: 'Literal[value=/^#(?:[0-9a-fA-F]{3,4}){1,2}$/]',
          message: 'Colours come from styles/tokens.css.',
        },
      ],
    },
  },
  forbid(
    ['src/core/**'],
    ['react*', '*/api/*', '*/charts/*', '*/panels/*', '*/features/*', '*/ui/*'],
    'core knows no framework and no layer above it',
  ),
  forbid(
    ['src/ui/**'],
    ['*/api/*', '*/charts/*', '*/panels/*', '*/features/*'],
    'ui fetches and knows nothing',
  ),
  forbid(['src/charts/**'], ['*/api/*', '*/panels/*', '*/features/*'], 'charts draw what they are given'),
  forbid(
    ['src/api/**'],
    ['*/charts/*', '*/panels/*', '*/features/*', '*/ui/*'],
    'api speaks to the server only',
  ),
  forbid(['src/panels/**'], ['*/features/*'], 'panels are used by features'),
  {
    files: ['src/features/**'],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          patterns: [
            {
              group: [
                '../../features/*',
                '../auth/*',
                '../projects/*',
                '../workspace/*',
                '../run/*',
                '../artifacts/*',
                '../storage/*',
                '../registry/*',
                '../compare/*',
                '../media/*',
                '../shell/*',
              ],
              message: 'no feature imports another',
            },
          ],
        },
      ],
    },
  },
  {
    files: ['tests/**/*.mjs', '*.js', 'public/**/*.js'],
    languageOptions: { globals: { ...globals.node, ...globals.browser } },
  },
)
