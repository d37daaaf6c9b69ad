/**
 * The webviews' pages as built, in a real browser, without VS Code: a frame inside a page that does for it what VS Code and
 * the extension do. Images are read by the extension's own code. With BIAPY_TEST_DELAY each message takes up to so many
 * milliseconds more, at random, either way: a test that looks before what it looks for is there fails then.
 */
import { existsSync } from "node:fs";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { Browser, Frame, Page } from "playwright-core";
import { ImageReader } from "../../src/extension/viewer/image-reader.ts";
import { pageHtml } from "../../src/extension/viewer/page.ts";
import { type PageName, readPage } from "../../src/extension/viewer/webview-page.ts";
import type { ImageRequest, RunHistory, ToPanel, ToViewer } from "../../src/protocol/panel-messages.ts";
import type { ToTable } from "../../src/protocol/table-messages.ts";
import { launchChromium } from "../support/chromium.ts";
import { THEMES, type ThemeName } from "./themes.ts";

const dist = fileURLToPath(new URL("../../dist/", import.meta.url));

const MOST_DELAY = Number(process.env.BIAPY_TEST_DELAY ?? 0);

/** The page around the webview's frame: it keeps what the webview says, and has its questions about images answered. */
const OUTER = `<!DOCTYPE html><style>body{margin:0}iframe{border:0;width:100vw;height:100vh;display:block}</style>
<iframe id="webview"></iframe>
<script>
const said = [];
const frame = document.getElementById("webview");
// Messages that are late are so in their order.
let pause = Promise.resolve();
function late(deliver) {
  if (${MOST_DELAY} === 0) deliver();
  else pause = pause.then(() => new Promise((over) => setTimeout(over, Math.random() * ${MOST_DELAY}))).then(deliver);
}
async function answer(request) {
  const reply = await fetch("/image", { method: "POST", body: JSON.stringify(request) });
  const message = JSON.parse(decodeURIComponent(reply.headers.get("x-message")), (_, value) =>
    value?.buffer === undefined ? value : Uint8Array.from(atob(value.buffer), (letter) => letter.charCodeAt(0)).buffer);
  if (message.type === "plane") message.plane.values = await reply.arrayBuffer();
  frame.contentWindow.postMessage(message, "*", message.type === "plane" ? [message.plane.values] : []);
}
window.addEventListener("message", ({ data }) => {
  if (["open-image", "read-plane", "find-similar"].includes(data.type)) answer(data);
  else if (data.type === "save-file") {
    const content = btoa(Array.from(new Uint8Array(data.content), (byte) => String.fromCharCode(byte)).join(""));
    late(() => said.push({ ...data, content }));
  } else late(() => said.push(data));
});
function decoded(column) {
  return new Float64Array(Uint8Array.from(atob(column), (letter) => letter.charCodeAt(0)).buffer);
}
function prepare(message) {
  if (message.type === "history") {
    const { steps } = message.history;
    steps.position = decoded(steps.position);
    steps.learningRate = decoded(steps.learningRate);
    for (const name in steps.metrics) steps.metrics[name] = decoded(steps.metrics[name]);
  }
  return message;
}
function tell(message) {
  late(() => frame.contentWindow.postMessage(message, "*"));
}
</script>`;

export interface Webview {
  /** The webview's own frame. */
  readonly frame: Frame;
  readonly page: Page;
  /** Sends a message as the extension does. Callers wait for its effect on the page. */
  tell(...messages: (ToPanel | ToViewer | ToTable)[]): Promise<void>;
  /** What the webview told the extension, by type, when it has done so `count` times; requests for images are left out. */
  said(type: string, count?: number): Promise<Record<string, unknown>[]>;
  /** Violations of the content security policy, and errors. */
  readonly complaints: readonly string[];
  /** A message in a form that `prepare` in the outer page takes. */
  transferable(message: ToPanel | ToViewer | ToTable): object;
  setTheme(theme: ThemeName): Promise<void>;
  /** Loads the page again with the state that it kept. */
  reload(): Promise<void>;
  close(): Promise<void>;
}

export interface Harness {
  open(kind: PageName, options?: WebviewOptions): Promise<Webview>;
  close(): Promise<void>;
}

export interface WebviewOptions {
  readonly theme?: ThemeName;
  readonly width?: number;
  readonly height?: number;
  /** The extension answers a request for images when this resolves. */
  readonly beforeImage?: (asked: ImageRequest) => Promise<void>;
}

const anyDelay = (): Promise<void> => setTimeout(Math.random() * MOST_DELAY);

export async function startHarness(): Promise<Harness> {
  const reader = new ImageReader(join(dist, "image-worker.mjs"));
  let beforeImage: (asked: ImageRequest) => Promise<void> = anyDelay;
  const browser = await launchBrowser();
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://localhost");
    if (pathname === "/image") {
      const asked = JSON.parse(await body(request)) as ImageRequest;
      let reply = await reader.answer(asked);
      await beforeImage(asked);
      const values = reply.type === "plane" ? Buffer.from(reply.plane.values) : Buffer.alloc(0);
      if (reply.type === "plane") reply = { ...reply, plane: { ...reply.plane, values: new ArrayBuffer(0) } };
      response.setHeader("x-message", encodeURIComponent(JSON.stringify(reply, withBuffers)));
      response.end(values);
    } else if (pathname === "/panel" || pathname === "/viewer" || pathname === "/table") {
      const parts = readPage(join(dist, "webview"), pathname.slice(1) as PageName);
      response.setHeader("content-type", "text/html").end(pageHtml("Test", parts));
    } else response.setHeader("content-type", "text/html").end(OUTER);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    open: (kind, options = {}) => {
      beforeImage = options.beforeImage ?? anyDelay;
      return openWebview(browser, origin(server), kind, options);
    },
    close: async () => {
      await browser.close();
      reader.dispose();
      server.close();
    },
  };
}

/** Buffers within a reply as text; that of a plane follows as the answer's body. */
const withBuffers = (_key: string, value: unknown): unknown =>
  value instanceof ArrayBuffer ? { buffer: Buffer.from(value).toString("base64") } : value;

async function launchBrowser(): Promise<Browser> {
  const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
  if (!existsSync(executablePath)) {
    throw new Error(`${executablePath} is missing: install Chromium, or name a browser like it in CHROMIUM.`);
  }
  return launchChromium(executablePath);
}

const origin = (server: Server): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

async function body(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

async function openWebview(
  browser: Browser,
  address: string,
  kind: PageName,
  { theme = "dark", width = 1000, height = 1400 }: WebviewOptions,
): Promise<Webview> {
  const context = await browser.newContext({ viewport: { width, height } });
  await context.grantPermissions(["clipboard-write"]).catch(() => {});
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => {
    if (message.type() === "error" && !message.text().includes("favicon")) complaints.push(message.text());
  });
  // The TypeScript loader names functions with a helper that browsers do not have.
  await page.addInitScript({ content: "globalThis.__name = (named) => named;" });
  await page.addInitScript(prepareFrame, {
    variables: THEMES[theme].variables,
    bodyClass: THEMES[theme].bodyClass,
  });
  await page.goto(address);
  const load = async () => {
    await page.evaluate((source) => {
      const frame = document.getElementById("webview") as HTMLIFrameElement;
      frame.src = source;
      return new Promise((loaded) => frame.addEventListener("load", loaded, { once: true }));
    }, `/${kind}`);
  };
  await load();
  const frame = page.frame({ url: (url) => url.pathname === `/${kind}` });
  if (frame === null) throw new Error("The page did not load.");
  return {
    frame,
    page,
    complaints,
    tell: async (...messages) => {
      for (const message of messages) {
        const sent = transferable(message);
        await page.evaluate((told) => tell(prepare(told)), sent);
      }
    },
    said: async (type, count = 1) => {
      const wanted = { type, count };
      const heard = (found: typeof wanted) =>
        (said as { type: string }[]).filter((message) => message.type === found.type);
      await page.waitForFunction(
        (found) =>
          (said as { type: string }[]).filter(({ type }) => type === found.type).length >= found.count,
        wanted,
      );
      return page.evaluate(heard, wanted);
    },
    transferable,
    setTheme: (name) =>
      frame.evaluate(
        (found) => {
          const { variables, bodyClass } = found;
          for (const each of [...document.documentElement.style])
            document.documentElement.style.removeProperty(each);
          for (const [key, value] of Object.entries(variables))
            document.documentElement.style.setProperty(`--vscode-${key}`, value);
          document.body.classList.remove(...found.classes);
          document.body.classList.add(...bodyClass.split(" "));
        },
        { ...THEMES[name], classes: Object.values(THEMES).flatMap(({ bodyClass }) => bodyClass.split(" ")) },
      ),
    reload: load,
    close: () => context.close(),
  };
}

// Of the outer page.
declare const said: unknown[];
declare function prepare(message: object): object;
declare function tell(message: object): void;

/** Runs in the frame before its page: the editor's API, its colors, and an ear for violations of the policy. */
function prepareFrame({
  variables,
  bodyClass,
}: {
  readonly variables: Readonly<Record<string, string>>;
  readonly bodyClass: string;
}): void {
  if (window === window.top) return;
  // Before the page's script, which runs when the document was read.
  document.addEventListener("readystatechange", () => {
    for (const [key, value] of Object.entries(variables))
      document.documentElement.style.setProperty(`--vscode-${key}`, value);
    document.body.classList.add(...bodyClass.split(" "));
  });
  document.addEventListener("securitypolicyviolation", (event) =>
    console.error(`policy: ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}`),
  );
  Object.assign(window, {
    acquireVsCodeApi: () => ({
      postMessage: (message: unknown) => window.parent.postMessage(message, "*"),
      getState: () => JSON.parse(sessionStorage.getItem("state") ?? "null") ?? undefined,
      setState: (state: unknown) => sessionStorage.setItem("state", JSON.stringify(state)),
    }),
  });
}

const transferable = (message: ToPanel | ToViewer | ToTable): object =>
  message.type === "history" ? { ...message, history: encoded(message.history) } : message;

/** JSON knows no arrays of doubles. */
function encoded(history: RunHistory): unknown {
  const text = (column: Float64Array) =>
    Buffer.from(column.buffer, column.byteOffset, column.byteLength).toString("base64");
  const { position, learningRate, metrics } = history.steps;
  return {
    ...history,
    steps: {
      position: text(position),
      learningRate: text(learningRate),
      metrics: Object.fromEntries(Object.entries(metrics).map(([name, column]) => [name, text(column)])),
    },
  };
}
