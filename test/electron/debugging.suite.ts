/** Debugging the embedded engine, by the editor's API. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "mocha";
import * as vscode from "vscode";
import { tinyModel } from "../vscode/configurations.ts";
import {
  extension,
  extensionApi,
  openConfiguration,
  trainWithoutAsking,
  until,
  untilStatus,
} from "./workspace.ts";

/** A stop that a debug adapter reports. */
interface Stop {
  readonly session: vscode.DebugSession;
  readonly threadId: number;
}

describe("Debugging", () => {
  let tracker: vscode.Disposable;
  let stop: Stop | undefined;

  before(async () => {
    await trainWithoutAsking();
    tracker = vscode.debug.registerDebugAdapterTrackerFactory("*", {
      createDebugAdapterTracker: (session) => ({
        onDidSendMessage: ({ event, body }) => {
          if (event === "stopped" && body.reason === "breakpoint")
            stop = { session, threadId: body.threadId };
        },
      }),
    });
  });

  after(() => {
    tracker.dispose();
    vscode.debug.removeBreakpoints(vscode.debug.breakpoints);
  });

  it("stops at a breakpoint in the trainer's source, with its variables", async () => {
    const source = vscode.Uri.joinPath(extension().extensionUri, "src/training/trainer.ts");
    const document = await vscode.workspace.openTextDocument(source);
    const line = document
      .getText()
      .split("\n")
      .findIndex((text) => text.includes("const stepSeconds ="));
    const place = new vscode.Location(source, new vscode.Position(line, 0));
    vscode.debug.addBreakpoints([new vscode.SourceBreakpoint(place)]);
    const { uri } = await openConfiguration("debugged.biapy.yaml", tinyModel(2000));
    await vscode.commands.executeCommand("biapy.debugTraining", uri);
    const { session, threadId } = await until(async () => stop);
    const { stackFrames } = await session.customRequest("stackTrace", { threadId });
    assert.match(stackFrames[0].name, /trainStep/);
    assert.equal(stackFrames[0].line, line + 1);
    const { scopes } = await session.customRequest("scopes", { frameId: stackFrames[0].id });
    const local = await session.customRequest("variables", {
      variablesReference: scopes[0].variablesReference,
    });
    const names = local.variables.map(({ name }: { readonly name: string }) => name);
    assert.ok(names.includes("learningRate"), names.join(", "));
    assert.deepEqual(vscode.languages.getDiagnostics(source), [], "the source is shown without problems");
  });

  it("stops the training when debugging ends", async () => {
    const { runs } = await extensionApi();
    const run = runs.runs.find(({ name }) => name === "debugged");
    assert.ok(run !== undefined);
    await vscode.debug.stopDebugging();
    await untilStatus(run.id, "stopped");
  });
});
