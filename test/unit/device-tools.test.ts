/** The command line, run as a tool by the extension. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type * as vscode from "vscode";
import { install, listDevices, runTool } from "../../src/extension/commands/device-tools.ts";
import { window } from "../support/fake-vscode.ts";
import { untilGone } from "../support/processes.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const folder = temporaryFolder();

/** An extension whose command line is this program. */
function withProgram(program: string): vscode.ExtensionContext {
  const path = join(folder, "cli.mjs");
  writeFileSync(path, program);
  return { asAbsolutePath: () => path } as unknown as vscode.ExtensionContext;
}

test("a tool ends when what reads its lines fails", async () => {
  const context = withProgram("console.log(process.pid); setInterval(() => {}, 1000);");
  let pid: number | undefined;
  const read = (line: string) => {
    pid = Number(line);
    throw new Error("not understood");
  };
  await assert.rejects(runTool(context, [], read), /not understood/);
  assert.ok(pid !== undefined);
  await untilGone(pid);
});

test("devices that were found are listed even if a driver crashes at the end of the search", async () => {
  const devices = { cpu: { name: "CPU", cores: 2, memoryBytes: 8 }, gpus: [] };
  const context = withProgram(
    `console.log(${JSON.stringify(JSON.stringify(devices))});
    setTimeout(() => process.kill(process.pid, "SIGKILL"), 100);`,
  );
  assert.equal((await listDevices(context)).cpu.name, "CPU");
});

test("an installation that was canceled reports no failure", async (context) => {
  const token = { isCancellationRequested: false, onCancellationRequested: () => {} };
  context.mock.method(window, "withProgress", (_options: unknown, run: (...given: unknown[]) => unknown) =>
    run({ report: () => Object.assign(token, { isCancellationRequested: true }) }, token),
  );
  const program = ["progress", "failed"].map(
    (event) =>
      `console.log(${JSON.stringify(JSON.stringify({ event, label: "", done: 0, total: 1, message: "reset" }))});`,
  );
  const extension = Object.assign(withProgram(program.join("\n")), { globalStorageUri: undefined });
  assert.equal(await install(extension, "Installing", []), false);
});

test("a failed search for devices says what the tool said", async () => {
  const context = withProgram('console.error("The library cannot be loaded."); process.exit(1);');
  await assert.rejects(listDevices(context), /The library cannot be loaded\./);
});

test("a tool's lines end at line breaks only, not at other characters that JSON may hold", async () => {
  const context = withProgram('console.log("a\\u2028b\\rc"); process.stdout.write("d");');
  const lines: string[] = [];
  assert.equal(await runTool(context, [], (line) => lines.push(line)), 0);
  assert.deepEqual(lines, ["a\u2028b\rc", "d"]);
});
