/** Runs the suites of this folder in VS Code's extension host: scenarios that need the editor's API and no window. */
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import Mocha from "mocha";

const SLOW_MACHINE = 120_000;

/** VS Code calls this. Writes what passed and failed to `result.txt` beside the suite. Throws if a test failed or there is none. */
export async function run(): Promise<void> {
  const mocha = new Mocha({ ui: "bdd", timeout: SLOW_MACHINE, reporter: "dot", failZero: true });
  for (const name of readdirSync(__dirname).filter((file) => file.endsWith(".suite.cjs")))
    mocha.addFile(join(__dirname, name));
  const lines: string[] = [];
  const failures = await new Promise<number>((done) => {
    mocha
      .run(done)
      .on("pass", (test) => lines.push(`passed  ${test.fullTitle()}`))
      .on("fail", (test, error) => lines.push(`FAILED  ${test.fullTitle()}\n${error.stack ?? error}`));
  });
  writeFileSync(join(__dirname, "result.txt"), `${lines.join("\n")}\n`);
  if (failures > 0) throw new Error(`${failures} scenarios failed.`);
}
