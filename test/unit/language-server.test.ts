/** The YAML server as it is bundled, driven over standard input and output as an editor would, with the settings that the client sends. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { build } from "esbuild";
import {
  type CompletionItem,
  type CompletionList,
  createProtocolConnection,
  type Diagnostic,
  type DocumentSymbol,
  type Hover,
  type InitializeResult,
  type MarkupContent,
  type ProtocolConnection,
  type PublishDiagnosticsParams,
  StreamMessageReader,
  StreamMessageWriter,
  type TextEdit,
} from "vscode-languageserver/node.js";
import { serverSettings } from "../../src/extension/language/server-settings.ts";
import { LANGUAGE } from "../../src/extension/workspace/recognize.ts";

const folder = mkdtempSync(join(tmpdir(), "biapy-server-"));
/** The latest diagnostics of each document, by its address. */
const diagnostics = new Map<string, readonly Diagnostic[]>();
/** Emits `published` when diagnostics arrive. */
const arrivals = new EventEmitter();
let server: ChildProcess;
let connection: ProtocolConnection;
let initialized: InitializeResult;

before(
  async () => {
    const outfile = join(folder, "yaml-server.cjs");
    await build({
      entryPoints: ["src/extension/language/server.ts"],
      outfile,
      bundle: true,
      platform: "node",
      target: "node20",
      format: "cjs",
      mainFields: ["module", "main"],
    });
    server = spawn(process.execPath, [outfile, "--stdio"], { stdio: ["pipe", "pipe", "inherit"] });
    assert.ok(server.stdout !== null && server.stdin !== null);
    connection = createProtocolConnection(
      new StreamMessageReader(server.stdout),
      new StreamMessageWriter(server.stdin),
    );
    const settings = serverSettings(pathToFileURL(resolve("schemas/biapy-config.schema.json")).toString());
    connection.onRequest("workspace/configuration", ({ items }: { items: { section?: string }[] }) =>
      items.map(({ section }) => settings[section ?? ""] ?? null),
    );
    connection.onRequest("client/registerCapability", () => null);
    connection.onNotification("textDocument/publishDiagnostics", (params: PublishDiagnosticsParams) => {
      diagnostics.set(params.uri, params.diagnostics);
      arrivals.emit("published");
    });
    connection.listen();
    initialized = await connection.sendRequest("initialize", {
      processId: process.pid,
      rootUri: null,
      capabilities: {
        workspace: { configuration: true, didChangeConfiguration: { dynamicRegistration: true } },
        textDocument: {
          completion: { completionItem: { snippetSupport: true, documentationFormat: ["markdown"] } },
          hover: { contentFormat: ["markdown"] },
          documentSymbol: { hierarchicalDocumentSymbolSupport: true },
          formatting: { dynamicRegistration: false },
        },
      },
    });
    await connection.sendNotification("initialized", {});
    // The server asks for its settings after that, and answers nothing until it has them.
    while ((await labels("|")).length === 0) await setTimeout(20);
  },
  { timeout: 120_000 },
);

after(async () => {
  await connection.sendRequest("shutdown");
  await connection.sendNotification("exit");
  connection.dispose();
  server.kill();
  rmSync(folder, { recursive: true, force: true });
});

let documents = 0;

/** Opens a text in which `|` marks the cursor. */
async function open(marked: string) {
  const offset = marked.indexOf("|");
  const text = marked.replace("|", "");
  documents += 1;
  // The name says nothing: configurations may be recognized by content alone.
  const uri = pathToFileURL(join(folder, `my model ${documents}.yml`)).toString();
  await connection.sendNotification("textDocument/didOpen", {
    textDocument: { uri, languageId: LANGUAGE, version: 1, text },
  });
  const lines = text.slice(0, Math.max(offset, 0)).split("\n");
  const position = { line: lines.length - 1, character: lines[lines.length - 1].length };
  return { textDocument: { uri }, position };
}

async function completions(marked: string): Promise<CompletionItem[]> {
  const found = await connection.sendRequest<CompletionList>("textDocument/completion", await open(marked));
  return found.items;
}

const labels = async (marked: string) => (await completions(marked)).map(({ label }) => label);

/** A hover's text, without the escapes and hard spaces that keep Markdown from reading it differently. */
async function hover(marked: string): Promise<string> {
  const found = await connection.sendRequest<Hover>("textDocument/hover", await open(marked));
  return (found.contents as MarkupContent).value.replaceAll("&nbsp;", " ").replaceAll("\\", "");
}

test("sections are offered at the top level", async () => {
  const found = await labels("PROBLEM:\n    TYPE: SELF_SUPERVISED\n|");
  for (const name of ["DATA", "TRAIN", "MODEL", "TEST", "AUGMENTOR", "PATHS", "LOG", "SYSTEM"])
    assert.ok(found.includes(name), name);
  assert.ok(!found.includes("PROBLEM"));
});

test("a section offers its keys, explained", async () => {
  const found = await completions("PROBLEM:\n    TYPE: SELF_SUPERVISED\nDATA:\n    |");
  const train = found.find(({ label }) => label === "TRAIN");
  assert.ok(train !== undefined);
  const patch = found.find(({ label }) => label === "PATCH_SIZE");
  assert.match(JSON.stringify(patch?.documentation), /Size in pixels/);
});

/** The text that a proposal writes. */
async function inserted(marked: string, label: string): Promise<string | undefined> {
  const item = (await completions(marked)).find((each) => each.label === label);
  return item?.textEdit?.newText ?? item?.insertText;
}

test("proposals write keys and values as BiaPy's files have them, on one line", async () => {
  assert.match(String(await inserted("DATA:\n    |", "PATCH_SIZE")), /^PATCH_SIZE: \S*$/);
  assert.match(String(await inserted("TRAIN:\n    |", "OPTIMIZER")), /^OPTIMIZER: \S*$/);
  assert.match(String(await inserted("MODEL:\n    |", "FEATURE_MAPS")), /^FEATURE_MAPS: \S*$/);
  assert.match(String(await inserted("TRAIN:\n    |", "LR")), /^LR: \S*$/);
  assert.equal(await inserted("DATA:\n    PATCH_SIZE: |", "(256,256,1)"), "(256,256,1)");
  assert.equal(
    await inserted("MODEL:\n    FEATURE_MAPS: |", "[16, 32, 64, 128, 256]"),
    "[16, 32, 64, 128, 256]",
  );
  assert.equal(await inserted("DATA:\n    |", "TRAIN"), "TRAIN:\n    ");
});

test("deeper sections and typed beginnings are completed", async () => {
  assert.ok((await labels("DATA:\n    TRAIN:\n        PA|")).includes("PATH"));
  assert.ok((await labels("TRAIN:\n    LR_SCHEDULER:\n        |")).includes("WARMUP_COSINE_DECAY_EPOCHS"));
});

test("values are offered", async () => {
  const types = await labels("PROBLEM:\n    TYPE: |");
  for (const name of ["SELF_SUPERVISED", "DENOISING"]) assert.ok(types.includes(name), name);
  assert.ok((await labels("MODEL:\n    ARCHITECTURE: |")).includes("mae"));
  assert.deepEqual((await labels("MODEL:\n    MAE_MASK_TYPE: |")).sort(), ["grid", "random"]);
  assert.ok((await labels("DATA:\n    PATCH_SIZE: |")).includes("(32,64,64,1)"));
  assert.ok((await labels("TRAIN:\n    OPTIMIZER: |")).includes("ADAMW"));
  assert.ok((await labels("TRAIN:\n    ENABLE: |")).map((each) => each.toLowerCase()).includes("true"));
});

test("hovering explains a key with type, range and default", async () => {
  const text = await hover("MODEL:\n    MAE_MASK_R|ATIO: 0.5\n");
  assert.match(text, /MODEL.MAE_MASK_RATIO/);
  assert.match(text, /Share of tokens/);
  assert.match(text, /above 0 and below 1.*default.*0\.5/);
  for (const marked of [
    "DATA:\n    PATCH_S|IZE: (64,64,1)\n",
    "TRAIN:\n    OPTIM|IZER: ADAMW\n",
    "MODEL:\n    ARCH|ITECTURE: mae\n",
    "TRAIN:\n    L|R: 1.E-4\n",
    "MODEL:\n    FEATURE_M|APS: [16, 32]\n",
    "TRAIN:\n    ENAB|LE: True\n",
  ]) {
    const found = await hover(marked);
    assert.match(found, /^#### [A-Z]+\.[A-Z_]+( \(\w+\))?\n/, marked);
    assert.match(found, /Example/, marked);
    assert.match(found, /default/, marked);
    assert.doesNotMatch(found, /\|\|/, marked);
  }
});

test("the outline has the sections and their keys", async () => {
  const { textDocument } = await open("DATA:\n    TRAIN:\n        PATH: a\nTRAIN:\n    ENABLE: True\n");
  const symbols = await connection.sendRequest<DocumentSymbol[]>("textDocument/documentSymbol", {
    textDocument,
  });
  assert.deepEqual(
    symbols.map(({ name }) => name),
    ["DATA", "TRAIN"],
  );
  assert.equal(symbols[0].children?.[0].children?.[0].name, "PATH");
});

test("the formatter keeps tuples, comments and numbers as they are", async () => {
  assert.equal(initialized.capabilities.documentFormattingProvider, true);
  const { textDocument } = await open(
    "DATA:\n    PATCH_SIZE:   (64,64,1)   # small\n    TRAIN: {PATH: a}\nTRAIN:\n    LR: 1.E-4\n",
  );
  const options = { tabSize: 4, insertSpaces: true };
  const [edit] = await connection.sendRequest<TextEdit[]>("textDocument/formatting", {
    textDocument,
    options,
  });
  assert.equal(
    edit.newText,
    "DATA:\n    PATCH_SIZE: (64,64,1) # small\n    TRAIN: { PATH: a }\nTRAIN:\n    LR: 1.E-4\n",
  );
});

test("the server reports no problems: the extension's own checks do", { timeout: 60_000 }, async () => {
  const { textDocument } = await open("TRAN:\n    EPOCHS: many\n");
  while (!diagnostics.has(textDocument.uri)) await once(arrivals, "published");
  assert.deepEqual(diagnostics.get(textDocument.uri), []);
});
