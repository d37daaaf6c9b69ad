/** What VS Code runs in its extension host: the scenarios of this folder that need the editor's API and no window. */
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import Mocha from "mocha";

const SLOW_MACHINE = 120_000;

/** VS Code calls this. What passed and failed is written to `result.txt` beside the suite. Rejects when something failed. */
export async function run(): Promise<void> {
  const mocha = new Mocha({ ui: "bdd", timeout: SLOW_MACHINE, reporter: "dot" });
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
