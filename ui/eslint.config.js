import a11y from 'eslint-plugin-jsx-a11y'
import hooks from 'eslint-plugin-react-hooks'
import ts from 'typescript-eslint'

const scripts = ['e2e/**', 'bench/**', 'hack/**', 'dev/**']

export default ts.config(
  { ignores: ['dist', 'node_modules', 'public', 'src/api/schema.d.ts'] },
  ...ts.configs.recommended,
  a11y.flatConfigs.recommended,
  {
    plugins: { 'react-hooks': hooks },
    rules: {
      'react-hooks/rules-of-hooks': 'error',
      'react-hooks/exhaustive-deps': 'error',
      'no-console': 'error',
      'no-eval': 'error',
      'no-implied-eval': 'error',
      'no-script-url': 'error',
      'max-lines': ['error', { max: 700 }],
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      'no-restricted-syntax': ['error', { selector: "JSXAttribute[name.name='dangerouslySetInnerHTML']", message: 'text is shown as text' }],
      'jsx-a11y/no-noninteractive-element-to-interactive-role': ['error', { ul: ['listbox'], li: ['option'] }],
      'jsx-a11y/label-has-associated-control': ['error', { depth: 3 }],
      // Composite widgets: one container handles the keys, the items take the focus in turn (roving tabindex). The keyboard
      // journeys and axe in the end-to-end tests hold what these rules cannot see.
      'jsx-a11y/click-events-have-key-events': 'off',
      'jsx-a11y/interactive-supports-focus': 'off',
      'jsx-a11y/no-noninteractive-element-interactions': 'off',
      'jsx-a11y/no-noninteractive-tabindex': 'off', // a region that scrolls must be reachable by keyboard
      'jsx-a11y/no-autofocus': 'off', // a dialog that opens takes the focus, and gives it back
    },
  },
  { files: scripts, rules: { 'no-console': 'off' } },
  { files: ['**/*.test.ts', '**/*.test.tsx'], rules: { 'no-script-url': 'off' } },
)
