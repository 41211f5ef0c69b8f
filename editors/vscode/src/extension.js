// Starts `rhapsode lsp` for `.ode` files. Everything the editor shows of a model comes from that server; without it there
// are still colours.

const { workspace, window, commands } = require('vscode');
const { LanguageClient, TransportKind } = require('vscode-languageclient/node');

let client;

function started() {
  const command = workspace.getConfiguration('rhapsode').get('path', 'rhapsode');
  const server = { command, args: ['lsp'], transport: TransportKind.stdio };
  // What other programs save counts where a model uses it.
  const fileEvents = workspace.createFileSystemWatcher('**/*.ode');
  const options = { documentSelector: [{ language: 'rhapsode' }], synchronize: { fileEvents } };
  return { command, client: new LanguageClient('rhapsode', 'Rhapsode', server, options) };
}

async function start() {
  const next = started();
  client = next.client;
  try {
    await client.start();
  } catch (error) {
    client = undefined;
    window.showErrorMessage(
      `Rhapsode: \`${next.command} lsp\` does not start (${error.message}). Set "rhapsode.path" to the executable.`,
    );
  }
}

async function stop() {
  const last = client;
  client = undefined;
  await last?.stop();
}

async function activate(context) {
  const restart = async () => {
    await stop();
    await start();
  };
  context.subscriptions.push(
    commands.registerCommand('rhapsode.restart', restart),
    workspace.onDidChangeConfiguration((event) => event.affectsConfiguration('rhapsode.path') && restart()),
  );
  await start();
}

module.exports = { activate, deactivate: stop };
