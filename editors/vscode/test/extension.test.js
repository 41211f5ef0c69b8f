// The extension as an editor sees it: it activates, starts `rhapsode lsp` over standard input and output with the command of
// the settings, says so when that fails, restarts, and stops. `vscode` is a stand-in; the client is the real one's shape.

const assert = require('node:assert');
const fs = require('node:fs');
const Module = require('node:module');
const path = require('node:path');
const test = require('node:test');

const root = path.join(__dirname, '..');
const read = (name) => JSON.parse(fs.readFileSync(path.join(root, name), 'utf8'));

function load(setting, failing) {
  const log = { servers: [], errors: [], commands: {}, stopped: 0 };
  const disposable = { dispose() {} };
  const vscode = {
    workspace: {
      getConfiguration: () => ({ get: (_name, otherwise) => setting ?? otherwise }),
      onDidChangeConfiguration: () => disposable,
      createFileSystemWatcher: (pattern) => ({ pattern }),
    },
    window: { showErrorMessage: (text) => log.errors.push(text) },
    commands: { registerCommand: (name, run) => ((log.commands[name] = run), disposable) },
  };
  class LanguageClient {
    constructor(_id, _name, server, options) {
      log.servers.push({ ...server, options });
    }
    async start() {
      if (failing) throw new Error('spawn ENOENT');
    }
    async stop() {
      log.stopped += 1;
    }
  }
  const original = Module._load;
  Module._load = (name, ...rest) => {
    if (name === 'vscode') return vscode;
    if (name === 'vscode-languageclient/node') return { LanguageClient, TransportKind: { stdio: 0 } };
    return original(name, ...rest);
  };
  try {
    const file = require.resolve('../src/extension.js');
    delete require.cache[file];
    return { extension: require(file), log };
  } finally {
    Module._load = original;
  }
}

test('it starts the language server, restarts it and stops it', async () => {
  const { extension, log } = load(undefined, false);
  const context = { subscriptions: [] };
  await extension.activate(context);
  assert.deepStrictEqual(log.servers[0].args, ['lsp']);
  assert.strictEqual(log.servers[0].command, 'rhapsode');
  assert.deepStrictEqual(log.servers[0].options.documentSelector, [{ language: 'rhapsode' }]);
  assert.strictEqual(log.servers[0].options.synchronize.fileEvents.pattern, '**/*.ode');
  await log.commands['rhapsode.restart']();
  assert.strictEqual(log.servers.length, 2);
  await extension.deactivate();
  assert.strictEqual(log.stopped, 2);
  assert.strictEqual(context.subscriptions.length, 2);
});

test('a server that does not start is said, with the setting that mends it', async () => {
  const { extension, log } = load('/nowhere/rhapsode', true);
  await extension.activate({ subscriptions: [] });
  assert.match(log.errors[0], /\/nowhere\/rhapsode lsp.*rhapsode\.path/);
  await extension.deactivate();
  assert.strictEqual(log.stopped, 0);
});

test('what the manifest names exists after a build', () => {
  const manifest = read('package.json');
  const { languages, grammars, commands, snippets } = manifest.contributes;
  assert.ok(manifest.files.includes(path.basename(snippets[0].path)));
  for (const { prefix, body } of Object.values(read(snippets[0].path))) assert.ok(prefix && body.length);
  assert.ok(fs.existsSync(path.join(root, manifest.main)), 'npm run build first');
  assert.ok(read(languages[0].configuration).comments.lineComment === '#');
  assert.strictEqual(read(grammars[0].path).scopeName, grammars[0].scopeName);
  assert.strictEqual(commands[0].command, 'rhapsode.restart');
  const bundle = fs.readFileSync(path.join(root, manifest.main), 'utf8');
  assert.ok(bundle.includes('vscode') && bundle.length > 50_000);
  new RegExp(read(languages[0].configuration).wordPattern.pattern, 'u');
});
