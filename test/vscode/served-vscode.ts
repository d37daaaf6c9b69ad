/** The genuine VS Code with the packaged extension, served on this machine and shown in Chromium. */
import { type ChildProcess, spawn } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import { test } from "node:test";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { Workbench } from "./workbench.ts";

/** What `run.mjs` has set up, handed to the test files in `BIAPY_SERVED_VSCODE`. */
interface Setup {
  readonly node: string;
  readonly entry: string;
  readonly browser: string;
  readonly extensions: string;
  readonly screenshots: string;
}

/** A hang ends, whatever hangs; a test takes a fraction of this. */
const SCENARIO_TIMEOUT = 240_000;

const CHROMIUM_FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

const SETTINGS = {
  "telemetry.telemetryLevel": "off",
  "update.mode": "none",
  "extensions.autoCheckUpdates": false,
  "extensions.autoUpdate": false,
  "extensions.ignoreRecommendations": true,
  "workbench.startupEditor": "none",
  "workbench.tips.enabled": false,
  "workbench.enableExperiments": false,
  "workbench.secondarySideBar.defaultVisibility": "hidden",
  "chat.disableAIFeatures": true,
  "window.restoreWindows": "all",
  "files.autoSave": "off",
  "git.enabled": false,
};

/** A server with user data of its own. Pages of one server share the window's state, as after a reload. */
export class ServedVsCode {
  private constructor(
    private readonly setup: Setup,
    private readonly server: ChildProcess,
    private readonly browser: Browser,
    private readonly context: BrowserContext,
    private readonly address: string,
    private readonly home: string,
  ) {}

  /** @param settings user settings beside those that keep VS Code quiet */
  static async start(settings: Readonly<Record<string, unknown>> = {}): Promise<ServedVsCode> {
    const text = process.env.BIAPY_SERVED_VSCODE;
    if (text === undefined) throw new Error("Run these tests with npm run test:vscode.");
    const setup: Setup = JSON.parse(text);
    const home = mkdtempSync(join(tmpdir(), "biapy-vscode-"));
    mkdirSync(join(home, "data", "User"), { recursive: true });
    writeFileSync(join(home, "data", "User", "settings.json"), JSON.stringify({ ...SETTINGS, ...settings }));
    const address = `127.0.0.1:${await freePort()}`;
    const server = spawn(setup.node, [setup.entry, ...serverArguments(address, home, setup.extensions)], {
      stdio: ["ignore", "pipe", "pipe"],
      // Of its own group, so that all of it can be ended.
      detached: true,
    });
    await listening(server);
    const browser = await chromium.launch({ executablePath: setup.browser, args: CHROMIUM_FLAGS });
    const context = await browser.newContext({
      viewport: { width: 1400, height: 900 },
      // Clipboard and notifications ask no one.
      permissions: ["clipboard-read", "clipboard-write"],
    });
    return new ServedVsCode(setup, server, browser, context, address, home);
  }

  /** Opens a folder in a window. */
  async open(folder: string): Promise<Workbench> {
    const page = await this.context.newPage();
    await page.goto(`http://${this.address}/?folder=${encodeURIComponent(folder)}`);
    const workbench = new Workbench(page, (name) => this.screenshot(page, name));
    await workbench.ready();
    return workbench;
  }

  /** A copy of a folder of the repository, or an empty one, that the test may write to. */
  workspace(name: string, source?: string): string {
    const folder = join(this.home, name);
    if (source === undefined) mkdirSync(folder, { recursive: true });
    else cpSync(resolve(source), folder, { recursive: true });
    return folder;
  }

  /** Runs what a test does; where it fails, a picture of every window is kept. */
  private async keepingPictures(name: string, body: () => Promise<void>): Promise<void> {
    try {
      await body();
    } catch (error) {
      const file = name.replace(/\W+/g, "-");
      const pages = this.context.pages();
      await Promise.all(pages.map((page, index) => this.screenshot(page, `FAILED-${file}-${index}`)));
      throw error;
    }
  }

  /** A test in this VS Code, which need not be there yet when the test is declared. */
  static scenario(name: string, vscode: () => ServedVsCode, body: () => Promise<void>): void {
    test(name, { timeout: SCENARIO_TIMEOUT }, () => vscode().keepingPictures(name, body));
  }

  async close(): Promise<void> {
    await this.browser.close();
    if (this.server.pid !== undefined && this.server.exitCode === null) {
      const ended = new Promise((done) => this.server.once("exit", done));
      process.kill(-this.server.pid, "SIGTERM");
      await ended;
    }
    rmSync(this.home, { recursive: true, force: true, maxRetries: 5 });
  }

  private async screenshot(page: Page, name: string): Promise<void> {
    const test = basename(process.argv[1] ?? "", ".test.ts");
    await page.screenshot({ path: join(this.setup.screenshots, `${test}-${name}.png`) });
  }
}

function serverArguments(address: string, home: string, extensions: string): string[] {
  return [
    ...["--auth", "none", "--bind-addr", address, "--config", join(home, "config.yaml")],
    ...["--user-data-dir", join(home, "data"), "--extensions-dir", extensions],
    ...["--disable-telemetry", "--disable-update-check", "--disable-getting-started-override"],
  ];
}

async function freePort(): Promise<number> {
  return new Promise((done, fail) => {
    const server = createServer().once("error", fail);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() =>
        typeof address === "object" && address ? done(address.port) : fail(new Error("no port")),
      );
    });
  });
}

/** Resolves when the server says that it listens; rejects with what it said when it ends before. */
async function listening(server: ChildProcess): Promise<void> {
  let said = "";
  return new Promise((done, fail) => {
    const hear = (text: Buffer) => {
      said += text;
      if (said.includes("HTTP server listening")) done();
    };
    server.stdout?.on("data", hear);
    server.stderr?.on("data", hear);
    server.once("exit", () => fail(new Error(`VS Code's server ended: ${said}`)));
  });
}
