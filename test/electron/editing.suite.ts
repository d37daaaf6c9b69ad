/** Writing a configuration, by the editor's API. */
import assert from "node:assert/strict";
import { before, describe, it } from "mocha";
import * as vscode from "vscode";
import { extension, folder, openConfiguration, until } from "./workspace.ts";

const CONFIGURATION = `PROBLEM:
    TYPE: SELF_SUPERVISED
    NDIM: 2D
    SELF_SUPERVISED:
        PRETEXT_TASK: masking
DATA:
    PATCH_SIZE: (64,64,1)
MODEL:
    ARCHITECTURE: mae
    VIT_TOKEN_SIZE: 8
`;

describe("Writing a configuration", () => {
  before(async () => {
    await openConfiguration("warm-up.biapy.yaml", "");
    await until(async () => (await offers("warm-up.biapy.yaml", 0, 0)).includes("PROBLEM"));
  });

  it("activates the extension for a configuration", async () => {
    assert.equal(extension().isActive, true);
  });

  it("registers every command that the manifest names", async () => {
    const named: { command: string }[] = extension().packageJSON.contributes.commands;
    const registered = new Set(await vscode.commands.getCommands(true));
    assert.deepEqual(
      named.map(({ command }) => command).filter((command) => !registered.has(command)),
      [],
    );
  });

  it("offers sections, keys deep in the tree, and values", async () => {
    await openConfiguration("offers.biapy.yaml", "PROBLEM:\n    TYPE: \n\n");
    const sections = await offers("offers.biapy.yaml", 2, 0);
    for (const section of ["DATA", "TRAIN", "MODEL", "DATA.PATCH_SIZE"])
      assert.ok(sections.includes(section), section);
    assert.ok((await offers("offers.biapy.yaml", 1, 10)).includes("SELF_SUPERVISED"));
  });

  it("writes a key that was chosen elsewhere in its section", async () => {
    const written = "DATA:\n    PATCH_SIZE: (64,64,1)\nTRAIN:\n    EPOCHS: 1\n    DATA.REFLECT_TO";
    const document = await openConfiguration("elsewhere.biapy.yaml", written);
    const editor = await vscode.window.showTextDocument(document);
    const end = document.positionAt(written.length);
    editor.selection = new vscode.Selection(end, end);
    const moved = `DATA:\n    PATCH_SIZE: (64,64,1)\n    REFLECT_TO_COMPLETE_SHAPE: \nTRAIN:\n    EPOCHS: 1\n    `;
    await until(async () => {
      if (document.getText() !== written) return true;
      await vscode.commands.executeCommand("editor.action.triggerSuggest");
      await vscode.commands.executeCommand("acceptSelectedSuggestion");
      return undefined;
    });
    await until(async () => document.getText() === moved);
    assert.equal(editor.selection.active.line, 2);
    // The name that was chosen, and its move.
    for (let step = 0; step < 2; step++) await vscode.commands.executeCommand("undo");
    assert.equal(document.getText(), written);
  });

  it("explains a key and estimates memory", async () => {
    const { uri } = await openConfiguration("hover.biapy.yaml", CONFIGURATION);
    const hovers = await vscode.commands.executeCommand<vscode.Hover[]>(
      "vscode.executeHoverProvider",
      uri,
      new vscode.Position(6, 6),
    );
    const text = hovers.flatMap(({ contents }) =>
      contents.map((each) => (typeof each === "string" ? each : each.value)),
    );
    assert.match(text.join("\n"), /pieces that images are cut into/);
    assert.match(text.join("\n"), /Training takes about/);
  });

  it("reports a misspelt key and changes it", async () => {
    const document = await openConfiguration(
      "misspelt.biapy.yaml",
      CONFIGURATION.replace("PATCH_SIZE", "PATCH_SIZES"),
    );
    const found = await until(async () =>
      vscode.languages.getDiagnostics(document.uri).find(({ message }) => message.includes("Did you mean")),
    );
    assert.equal(found.range.start.line, 6);
    const actions = await vscode.commands.executeCommand<vscode.CodeAction[]>(
      "vscode.executeCodeActionProvider",
      document.uri,
      found.range,
    );
    const edit = actions.find(({ title }) => title === "Change to PATCH_SIZE")?.edit;
    assert.ok(edit !== undefined, "a quick fix");
    await vscode.workspace.applyEdit(edit);
    assert.equal(document.getText(), CONFIGURATION);
  });

  it("reports a configuration once if its images have nothing to add", async () => {
    const once = vscode.Uri.joinPath(folder(), "once.biapy.yaml");
    // Those that are set again are other objects. The YAML server's reports, which are empty, leave them as they are.
    const reported = new Set<vscode.Diagnostic>();
    const counting = vscode.languages.onDidChangeDiagnostics(() => {
      for (const each of vscode.languages.getDiagnostics(once)) reported.add(each);
    });
    await openConfiguration("once.biapy.yaml", CONFIGURATION.replace("PATCH_SIZE", "PATCH_SIZES"));
    await until(async () => reported.size > 0);
    // Opened later, so the images of the first have been asked for before those of this one.
    const later = await openConfiguration(
      "later.biapy.yaml",
      `${CONFIGURATION.replace("(64,64,1)", "(64,64,3)\n    TRAIN:\n        PATH: 2d/train")}TRAIN:\n    ENABLE: True\n`,
    );
    await until(async () =>
      vscode.languages.getDiagnostics(later.uri).some(({ message }) => /has 1 channel/.test(message)),
    );
    counting.dispose();
    assert.equal(reported.size, vscode.languages.getDiagnostics(once).length);
  });

  it("outlines and formats", async () => {
    const document = await openConfiguration(
      "outline.biapy.yaml",
      CONFIGURATION.replace("MODEL:", "MODEL:   "),
    );
    const symbols = await vscode.commands.executeCommand<vscode.DocumentSymbol[]>(
      "vscode.executeDocumentSymbolProvider",
      document.uri,
    );
    assert.deepEqual(
      symbols.map(({ name }) => name),
      ["PROBLEM", "DATA", "MODEL"],
    );
    const edits = await vscode.commands.executeCommand<vscode.TextEdit[]>(
      "vscode.executeFormatDocumentProvider",
      document.uri,
      { insertSpaces: true, tabSize: 4 },
    );
    const edit = new vscode.WorkspaceEdit();
    edit.set(document.uri, edits);
    await vscode.workspace.applyEdit(edit);
    assert.equal(document.getText(), CONFIGURATION);
  });

  it("writes a new configuration from answers", async () => {
    const target = vscode.Uri.joinPath(folder(), "new.biapy.yaml");
    await vscode.commands.executeCommand("biapy.newConfiguration", {
      ndim: 2,
      workflow: "masking",
      architecture: "mae",
      channels: 1,
      trainFolder: "2d/train",
      testFolder: "2d/test",
      target,
    });
    const text = new TextDecoder().decode(await vscode.workspace.fs.readFile(target));
    assert.match(text, /PRETEXT_TASK: masking/);
    assert.match(text, /ARCHITECTURE: mae/);
  });
});

/** Labels of the completions at a place. */
async function offers(name: string, line: number, column: number): Promise<string[]> {
  const { items } = await vscode.commands.executeCommand<vscode.CompletionList>(
    "vscode.executeCompletionItemProvider",
    vscode.Uri.joinPath(folder(), name),
    new vscode.Position(line, column),
  );
  return items.map(({ label }) => (typeof label === "string" ? label : label.label));
}
