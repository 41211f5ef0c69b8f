// Bundles the extension and its one dependency into dist/, and takes the grammar and the licence from the repository.

import { copyFileSync, mkdirSync } from 'node:fs';
import { build } from 'esbuild';

mkdirSync('syntaxes', { recursive: true });
copyFileSync('../../grammar/rhapsode.tmLanguage.json', 'syntaxes/rhapsode.tmLanguage.json');
copyFileSync('../../LICENSE-MIT', 'LICENSE');
await build({
  entryPoints: ['src/extension.js'],
  outfile: 'dist/extension.js',
  bundle: true,
  platform: 'node',
  format: 'cjs',
  target: 'node20',
  external: ['vscode'],
  minify: true,
  legalComments: 'linked',
});
