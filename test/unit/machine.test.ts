/** Finding and installing what tests need, with stand-ins for the commands that install. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { askRegistry, failureOf, installed, Unavailable, which } from "../support/machine.ts";

const temporary = () => mkdtempSync(join(tmpdir(), "machine-"));
const node = process.execPath;
const AT_ONCE = [0, 0];

/** Runs a program that uses `orSkip`. */
function skipping(make: string) {
  const module = new URL("../support/machine.ts", import.meta.url).href;
  const program = `
    import { orSkip, Unavailable } from ${JSON.stringify(module)};
    console.log("made " + orSkip("the tests of ships", () => { ${make} }));`;
  const args = ["--import", "./test/register.mjs", "--input-type=module", "--eval", program];
  return spawnSync(node, args, { encoding: "utf8" });
}

test("what can be made is made, and the tests continue", () => {
  const { status, stdout } = skipping("return 7;");
  assert.deepEqual([status, stdout], [0, "made 7\n"]);
});

test("where something is unavailable, the tests are skipped with a message and nothing fails", () => {
  const { status, stdout } = skipping('throw new Unavailable("there is no sea");');
  assert.deepEqual([status, stdout], [0, "SKIPPED: the tests of ships; there is no sea.\n"]);
});

test("any other error is a failure, and skips nothing", () => {
  const { status, stdout, stderr } = skipping('throw new Error("a fault of the tests");');
  assert.equal(status, 1);
  assert.match(stderr, /a fault of the tests/);
  assert.equal(stdout, "");
});

test("the failure of a command quotes its error output, and its arguments without options", () => {
  assert.equal(failureOf(node, ["--eval", ""]), undefined);
  const said = failureOf(node, ["--eval", 'console.error("no such harbor"); process.exit(2)']);
  assert.match(said ?? "", /^.*process\.exit\(2\) failed: no such harbor$/);
  assert.doesNotMatch(said ?? "", /--eval/);
  assert.match(failureOf(node, ["--eval", "process.exit(3)"]) ?? "", /failed: it ended with 3$/);
  assert.match(failureOf(join(temporary(), "absent"), []) ?? "", /absent {2}failed: .*ENOENT/);
});

test("of a long error output only the end is quoted", () => {
  const program = 'process.stderr.write("start" + "-".repeat(1e6) + "end", () => process.exit(1))';
  const said = failureOf(node, ["--eval", program]) ?? "";
  assert.match(said, /-end$/);
  assert.ok(said.length < 2500, `${said.length} characters`);
});

/** A command that fails so many times before it succeeds, and how often it was run. */
function failingCommand(failures: number) {
  const folder = temporary();
  const [program, count] = [join(folder, "ask.cjs"), join(folder, "count")];
  writeFileSync(count, "");
  writeFileSync(
    program,
    `const fs = require("node:fs");
    fs.appendFileSync(${JSON.stringify(count)}, "*");
    const tries = fs.readFileSync(${JSON.stringify(count)}, "utf8").length;
    if (tries <= ${failures}) { console.error("try " + tries + " got no answer"); process.exit(1); }`,
  );
  return { args: [program], tries: () => readFileSync(count, "utf8").length };
}

test("a registry that fails for a moment is asked again", () => {
  const twice = failingCommand(2);
  askRegistry(node, twice.args, {}, AT_ONCE);
  assert.equal(twice.tries(), 3);
});

test("a registry that answers at once is asked once", () => {
  const never = failingCommand(0);
  askRegistry(node, never.args, {}, AT_ONCE);
  assert.equal(never.tries(), 1);
});

test("a registry that never answers is unavailable, with its last error", () => {
  const always = failingCommand(9);
  assert.throws(
    () => askRegistry(node, always.args, {}, AT_ONCE),
    (error) => error instanceof Unavailable && /try 3 got no answer$/.test(error.message),
  );
  assert.equal(always.tries(), 3);
});

/** Replaces this process's user for a test, and its PATH by a folder with a stand-in for apt. */
function pretendApt(context: TestContext, { user, install }: { user: number; install: string }) {
  const folder = temporary();
  const log = join(folder, "log");
  const apt = join(folder, "apt-get");
  writeFileSync(
    apt,
    `#!/bin/sh\necho "$@" >> ${log}\ncase "$*" in *install*) ;; *) exit 0 ;; esac\n${install}\n`,
  );
  chmodSync(apt, 0o755);
  const { getuid } = process;
  const path = process.env.PATH;
  process.getuid = () => user;
  process.env.PATH = folder;
  context.after(() => {
    process.getuid = getuid;
    process.env.PATH = path;
  });
  const calls = () => (existsSync(log) ? readFileSync(log, "utf8").trim().split("\n") : []);
  return { apt, calls };
}

const linux = { skip: process.platform === "linux" ? false : "only Linux has apt" };

test("a program is found on the PATH", linux, (context) => {
  const { apt } = pretendApt(context, { user: 0, install: "" });
  assert.equal(which("apt-get"), apt);
  assert.equal(which("ship"), undefined);
});

test("what is found is not installed", linux, (context) => {
  const { calls } = pretendApt(context, { user: 0, install: "" });
  assert.equal(
    installed("ship", ["ships"], () => "here"),
    "here",
  );
  assert.deepEqual(calls(), []);
});

test("what is missing is installed after the index is updated", linux, (context) => {
  const made = join(temporary(), "ship");
  const { calls } = pretendApt(context, { user: 0, install: `: > ${made}` });
  const find = () => (existsSync(made) ? made : undefined);
  assert.equal(installed("ship", ["ships", "sails"], find, AT_ONCE), made);
  assert.equal(calls().length, 2);
  assert.match(calls()[0], / update$/);
  assert.match(calls()[1], / install -y --no-install-recommends ships sails$/);
});

test("without the right to install, the error names the packages", linux, (context) => {
  const { calls } = pretendApt(context, { user: 1000, install: "" });
  assert.throws(
    () => installed("ship", ["ships", "sails"], () => undefined, AT_ONCE),
    new Unavailable("there is no ship (apt-get install ships sails)"),
  );
  assert.deepEqual(calls(), []);
});

test("where apt fails each time, the error quotes it", linux, (context) => {
  const { calls } = pretendApt(context, { user: 0, install: 'echo "no room in the hold" >&2; exit 100' });
  assert.throws(
    () => installed("ship", ["ships"], () => undefined, AT_ONCE),
    (error) =>
      error instanceof Unavailable &&
      error.message === "ship could not be installed: apt-get install ships failed: no room in the hold",
  );
  assert.equal(calls().length, 6);
});

test("packages that do not contain what they should are named", linux, (context) => {
  pretendApt(context, { user: 0, install: "" });
  assert.throws(
    () => installed("ship", ["ships", "sails"], () => undefined, AT_ONCE),
    new Unavailable("ships, sails brought no ship"),
  );
});
