/**
 * Measures activation and completion in a real VS Code: the API's answer, and the time from a key to the first row of the list.
 * `npm run bench:editor`; the arguments `interface` and `typing` select one of them.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { prepare } from "../test/vscode/prepare.ts";
import { ServedVsCode } from "../test/vscode/served-vscode.ts";
import { until, type Workbench } from "../test/vscode/workbench.ts";
import { bundleSuite } from "./bundle-suite.ts";
import { longConfiguration, marked, places } from "./configurations.ts";

const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 3);
const KEYS = 30;
/** The first lists of a file, which are not counted. */
const WARM_UP = 5;
const PAUSE_MS = 60;
const TRUSTED = { settings: { "security.workspace.trust.enabled": false } };
const LIST = ".suggest-widget[monaco-visible-content-widget=true]:not(.message)";

async function measureApi(): Promise<void> {
  const suite = await bundleSuite("editor-suite");
  for (let round = 0; round < ROUNDS; round++) {
    const vscode = await ServedVsCode.start({ ...TRUSTED, drivenByTests: true });
    await vscode.runSuite(vscode.workspace("empty"), suite);
    await vscode.close();
  }
}

async function measureTyping(): Promise<void> {
  const vscode = await ServedVsCode.start(TRUSTED);
  const folder = vscode.workspace("typing");
  const configurations = {
    sample: readFileSync("templates/demo.biapy.yaml", "utf8"),
    long: longConfiguration(),
  };
  const files = Object.entries(configurations).flatMap(([kind, text]) =>
    places.map((place, at) => ({ kind, place, name: `${kind}${at}.biapy.yaml`, ...marked(text, place) })),
  );
  for (const { name, text } of files) writeFileSync(join(folder, name), text);
  const workbench = await vscode.open(folder);
  await workbench.openFile(files[0].name);
  await workbench.languageReady();
  for (const { kind, place, name, line } of files) {
    await workbench.openFile(name);
    await workbench.goToLine(line + 1);
    await workbench.page.keyboard.press("End");
    const asked = await timeToList(workbench, "Control+Space");
    const typed = await timeToList(
      workbench,
      place.expected[place.typed.endsWith(" ") ? 0 : place.typed.length],
    );
    console.log(`  ${kind}, ${place.name}: asked for ${quantiles(asked)}; typed ${quantiles(typed)}`);
  }
  await vscode.close();
}

/** Measures the time from a key to the first row of the list that it opens, several times, in milliseconds. */
async function timeToList({ page }: Workbench, key: string): Promise<number[]> {
  const times: number[] = [];
  for (let round = 0; round < KEYS; round++) {
    const shown = page.evaluate(
      (list) =>
        new Promise<number>((done) => {
          let pressed = 0;
          // No named functions: the loader wraps them in a helper that the page lacks.
          addEventListener(
            "keydown",
            ({ key }) => {
              if (key !== "Control" && pressed === 0) pressed = performance.now();
            },
            { capture: true },
          );
          const observer = new MutationObserver(() => {
            if (pressed === 0 || document.querySelector(`${list} .monaco-list-row`) === null) return;
            observer.disconnect();
            done(performance.now() - pressed);
          });
          observer.observe(document.body, { subtree: true, childList: true, attributes: true });
        }),
      LIST,
    );
    await setTimeout(PAUSE_MS);
    await page.keyboard.press(key);
    times.push(await shown);
    await setTimeout(PAUSE_MS);
    await page.keyboard.press("Escape");
    await until(async () => ((await page.locator(LIST).count()) === 0 ? true : undefined), "no list");
    if (key.length === 1) await page.keyboard.press("Backspace");
  }
  return times.slice(WARM_UP);
}

function quantiles(times: readonly number[]): string {
  const sorted = [...times].sort((one, other) => one - other);
  const reached = [0.5, 0.9, 0.95, 1].map((part) =>
    sorted[Math.floor(part * (sorted.length - 1))].toFixed(0),
  );
  return `${reached.join(" / ")} ms`;
}

console.log(
  `${cpus().length} x ${cpus()[0].model}, load ${loadavg()[0].toFixed(1)}, Chromium headless without a GPU`,
);
if (process.env.BIAPY_SERVED_VSCODE === undefined) Object.assign(process.env, prepare());
const asked = process.argv.slice(2);
if (asked.length === 0 || asked.includes("interface")) await measureApi();
if (asked.length === 0 || asked.includes("typing")) {
  console.log("from a key to the list, median / p90 / p95 / slowest");
  await measureTyping();
}
