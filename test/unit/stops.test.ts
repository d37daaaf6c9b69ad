/** Requests to stop a run. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Writable } from "node:stream";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { fitsInProcess } from "../../src/cli/try-batch.ts";
import { consoleReporter } from "../../src/results/reporters.ts";

const folder = mkdtempSync(join(tmpdir(), "stops-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const SOURCE = fileURLToPath(new URL("../../src/cli/stop-signals.ts", import.meta.url));
const script = join(folder, "run.ts");
/** A run whose step, which nothing interrupts, begins after the first signal. */
writeFileSync(
  script,
  `import { stopSignal } from ${JSON.stringify(SOURCE)};
  setInterval(() => {}, 1000);
  stopSignal(({ message }) => console.log(message)).addEventListener("abort", () =>
    setImmediate(() => {
      console.log("step");
      for (const end = performance.now() + 1000; performance.now() < end; );
      setTimeout(() => console.log("saved"), 20);
    }),
  );
  console.log("started");`,
);

test("a signal that comes twice, through a parent, counts once even if a step lies between; another one ends the run", {
  skip: process.platform === "win32" && "Windows has no signals",
}, async () => {
  const child = spawn(process.execPath, ["--import", "./test/register.mjs", script]);
  const lines: string[] = [];
  createInterface({ input: child.stdout }).on("line", (line) => {
    lines.push(line);
    if (!line.startsWith("Stopping")) child.kill("SIGINT");
  });
  const code = await new Promise((resolve) => child.once("close", resolve));
  assert.deepEqual([...lines, code], ["started", "Stopping after this step (SIGINT)…", "step", "saved", 130]);
});

test("a stop while batches are tried is a stop, not a failure", async () => {
  const controller = new AbortController();
  const fits = fitsInProcess(4, controller.signal);
  controller.abort();
  await assert.rejects(fits, (error) => error === controller.signal.reason);
});

test("a stopped run prints the command that resumes it, as a terminal takes it", () => {
  let text = "";
  const output = new Writable({
    write: (chunk, _encoding, done) => {
      text += chunk;
      done();
    },
  });
  const resume = ["--config", "my images/job.yaml", "--resume", "--gpu", ""];
  consoleReporter(output)({ event: "end", runDirectory: "results", status: "stopped", resume });
  assert.match(text, /: biapy --config 'my images\/job\.yaml' --resume --gpu ''\n/);
  // In a clone there is no command of this name.
  consoleReporter(
    output,
    "/my clone/dist/cli.mjs",
  )({ event: "end", runDirectory: "results", status: "stopped", resume });
  assert.match(
    text,
    /: node '\/my clone\/dist\/cli\.mjs' --config 'my images\/job\.yaml' --resume --gpu ''\n/,
  );
});
