/** The genuine VS Code with the packaged extension, served on this machine and shown in Chromium. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { type TestContext, test } from "node:test";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { launchChromium } from "../support/chromium.ts";
import { TRAINED, Workbench } from "./workbench.ts";

/** What `prepare.ts` has set up. Test files receive it in the variable `BIAPY_SERVED_VSCODE`. */
interface Setup {
  readonly node: string;
  readonly entry: string;
  readonly browser: string;
  readonly extensions: string;
  readonly screenshots: string;
}

/** Ends a test that hangs; others take a fraction of this. */
const SCENARIO_TIMEOUT = 600_000;

/** With BIAPY_TEST_SLOWDOWN=6 the window is drawn six times slower, which finds tests that do not wait for what they look at. */
const SLOWDOWN = Number(process.env.BIAPY_TEST_SLOWDOWN ?? 1);

/** A violation of our pages' content security policy (`src/extension/viewer/page.ts`). VS Code's own policies have no nonce. */
const OWN_POLICY = /Content Security Policy.*nonce-/;

const SETTINGS = {
  "telemetry.telemetryLevel": "off",
  "update.mode": "none",
  "extensions.autoCheckUpdates": false,
  "extensions.autoUpdate": false,
  "extensions.ignoreRecommendations": true,
  "workbench.startupEditor": "none",
  // Pictures show no transitions.
  "workbench.reduceMotion": "on",
  "workbench.tips.enabled": false,
  "workbench.enableExperiments": false,
  "workbench.secondarySideBar.defaultVisibility": "hidden",
  "chat.disableAIFeatures": true,
  "window.restoreWindows": "all",
  "files.autoSave": "off",
  "git.enabled": false,
};

export interface StartOptions {
  /** User settings beside those that keep VS Code quiet. */
  readonly settings?: Readonly<Record<string, unknown>>;
  /** Variables of the server and of all that it starts, beside a home folder of its own. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Whether test suites may run in it. A built VS Code then shows no notifications. Defaults to false. */
  readonly drivenByTests?: boolean;
}

/** A server with user data of its own. Pages of one server share the window's state, as after a reload. */
export class ServedVsCode {
  /** Violations of our pages' content security policy. */
  private readonly violations: string[] = [];

  private constructor(
    private readonly setup: Setup,
    private readonly server: ChildProcess,
    private readonly browser: Browser,
    private readonly context: BrowserContext,
    private readonly address: string,
    private readonly home: string,
  ) {}

  static async start({
    settings,
    environment,
    drivenByTests = false,
  }: StartOptions = {}): Promise<ServedVsCode> {
    const text = process.env.BIAPY_SERVED_VSCODE;
    if (text === undefined) throw new Error("Run these tests with npm run test:vscode.");
    const setup: Setup = JSON.parse(text);
    const home = mkdtempSync(join(tmpdir(), "biapy-vscode-"));
    mkdirSync(join(home, "data", "User"), { recursive: true });
    mkdirSync(join(home, "person"));
    writeFileSync(join(home, "data", "User", "settings.json"), JSON.stringify({ ...SETTINGS, ...settings }));
    const server = spawn(
      setup.node,
      [setup.entry, ...serverArguments(home, setup.extensions, drivenByTests)],
      {
        stdio: ["ignore", "pipe", "pipe"],
        // A process group of its own, so that all its processes can be ended.
        detached: true,
        env: { ...process.env, HOME: join(home, "person"), ...environment },
      },
    );
    const address = `127.0.0.1:${await listening(server)}`;
    const browser = await launchChromium(setup.browser);
    const context = await browser.newContext({
      viewport: { width: 1400, height: 900 },
      // Otherwise the browser asks.
      permissions: ["clipboard-read", "clipboard-write"],
    });
    return new ServedVsCode(setup, server, browser, context, address, home);
  }

  /** Runs a script in every page and frame that is loaded from now on, before the page's own. */
  async everywhere(script: string): Promise<void> {
    await this.context.addInitScript({ content: script });
  }

  /** The home folder of the user. */
  get personsHome(): string {
    return join(this.home, "person");
  }

  /** Opens a folder in a window, or a window without one. */
  async open(folder?: string): Promise<Workbench> {
    const page = await this.context.newPage();
    if (SLOWDOWN > 1) {
      const browser = await this.context.newCDPSession(page);
      await browser.send("Emulation.setCPUThrottlingRate", { rate: SLOWDOWN });
    }
    page.on("console", (message) => {
      if (message.type() === "error" && OWN_POLICY.test(message.text())) this.violations.push(message.text());
    });
    const place = folder === undefined ? "ew=true" : `folder=${encodeURIComponent(folder)}`;
    await page.goto(`http://${this.address}/?${place}`);
    const workbench = new Workbench(page, (name) => this.screenshot(page, name));
    await workbench.ready(folder !== undefined);
    return workbench;
  }

  /** The next tab that VS Code opens in the browser. */
  nextTab(): Promise<Page> {
    return this.context.waitForEvent("page", { timeout: TRAINED });
  }

  /** Runs a test suite in the extension host, as `code --extensionTestsPath` does. Rejects with its result when it failed. */
  async runSuite(folder: string, suite: string): Promise<void> {
    const page = await this.context.newPage();
    const exited = new Promise<number>((done) => {
      page.exposeFunction("codeAutomationExit", (code: number) => done(code));
    });
    await page.exposeFunction("codeAutomationLog", () => {});
    const remote = (path: string) => `vscode-remote://${this.address}${path}`;
    const payload = [
      ["extensionDevelopmentPath", remote(this.installed())],
      ["extensionTestsPath", remote(suite)],
    ];
    await page.goto(
      `http://${this.address}/?folder=${encodeURIComponent(folder)}&payload=${encodeURIComponent(JSON.stringify(payload))}`,
    );
    const code = await exited;
    const result = readFileSync(join(dirname(suite), "result.txt"), "utf8");
    console.log(result);
    if (code !== 0) throw new Error(result);
  }

  /** A file of the installed extension. */
  extensionFile(path: string): string {
    return join(this.installed(), path);
  }

  /** The folder of the installed extension. */
  private installed(): string {
    const { extensions } = this.setup;
    const name = readdirSync(extensions).find((each) => each.startsWith("biapy-studio."));
    if (name === undefined) throw new Error("The extension is not installed.");
    return join(extensions, name);
  }

  /** A copy of a folder of the repository, or an empty one, that the test may write to. */
  workspace(name: string, source?: string): string {
    const folder = join(this.home, name);
    if (source === undefined) mkdirSync(folder, { recursive: true });
    else cpSync(resolve(source), folder, { recursive: true });
    return folder;
  }

  /** Runs a test's body. Keeps a picture of every window if it fails. */
  private async keepingPictures(name: string, body: () => Promise<void>): Promise<void> {
    try {
      await body();
      assert.deepEqual(this.violations, []);
    } catch (error) {
      const file = name.replace(/\W+/g, "-");
      const pages = this.context.pages();
      await Promise.all(pages.map((page, index) => this.screenshot(page, `FAILED-${file}-${index}`)));
      throw error;
    }
  }

  /** Declares a test in a VS Code that starts later. */
  static scenario(
    name: string,
    vscode: () => ServedVsCode,
    body: (context: TestContext) => Promise<void>,
  ): void {
    test(name, { timeout: SCENARIO_TIMEOUT }, (context) =>
      vscode().keepingPictures(name, () => body(context)),
    );
  }

  async close(): Promise<void> {
    await this.browser.close();
    if (this.server.pid !== undefined && this.server.exitCode === null) {
      const ended = new Promise((done) => this.server.once("exit", done));
      process.kill(-this.server.pid, "SIGTERM");
      await ended;
    }
    rmSync(this.home, { recursive: true, force: true, maxRetries: 10, retryDelay: 500 });
  }

  async screenshot(page: Page, name: string): Promise<void> {
    const test = basename(process.argv[1] ?? "", ".test.ts");
    await page.screenshot({ path: join(this.setup.screenshots, `${test}-${name}.png`) });
  }
}

function serverArguments(home: string, extensions: string, drivenByTests: boolean): string[] {
  return [
    // Any free port; the server says which.
    ...["--host", "127.0.0.1", "--port", "0", "--without-connection-token", "--accept-server-license-terms"],
    ...["--server-data-dir", join(home, "server"), "--user-data-dir", join(home, "data")],
    ...["--extensions-dir", extensions, "--telemetry-level", "off"],
    // The environment is that of the test, not of a login shell.
    "--force-disable-user-env",
    ...(drivenByTests ? ["--enable-smoke-test-driver"] : []),
  ];
}

/** Resolves with the port when the server listens; rejects with what it said when it ends before. */
async function listening(server: ChildProcess): Promise<number> {
  let said = "";
  return new Promise((done, fail) => {
    const hear = (text: Buffer) => {
      said += text;
      const port = /listening on (\d+)/.exec(said)?.[1];
      if (port !== undefined) done(Number(port));
    };
    server.stdout?.on("data", hear);
    server.stderr?.on("data", hear);
    server.once("exit", () => fail(new Error(`VS Code's server ended: ${said}`)));
  });
}
