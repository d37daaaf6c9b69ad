/** Downloading and unpacking wheels, from an index on this machine. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { createServer, type ServerResponse } from "node:http";
import { join } from "node:path";
import { after, test } from "node:test";
import { strToU8, zipSync } from "fflate";
import { listenOnFreePort } from "../../src/facts/lock/address.ts";
import { installWheels } from "../../src/install/wheels.ts";
import { openFiles, withoutOpenFiles } from "../support/open-files.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const FILE = "library-1.0+cu13-py3-none-any.whl";
const content = zipSync({
  "library/lib/libone.so": strToU8("one"),
  "library/notes.txt": strToU8("notes"),
  "library/lib/libtwo.so": strToU8("two"),
});
const wheel = {
  project: "library",
  file: FILE,
  bytes: content.length,
  sha256: createHash("sha256").update(content).digest("hex"),
};
const place = (name: string) =>
  name.endsWith(".so") ? join("lib", name.split("/").at(-1) ?? "") : undefined;

/** The index's answer to a request for the project's page. */
let page: (response: ServerResponse) => void = () => {};
const server = createServer(({ url }, response) => {
  if (url === "/simple/library/") page(response);
  else response.end(content);
});
const port = await listenOnFreePort(server);
process.env.PIP_INDEX_URL = `http://127.0.0.1:${port}/simple`;
after(() => server.close());

const json = (value: unknown) => (response: ServerResponse) =>
  response
    .setHeader("content-type", "application/vnd.pypi.simple.v1+json")
    .end(typeof value === "string" ? value : JSON.stringify(value));
const files = [{ filename: FILE, url: `../../files/${encodeURIComponent(FILE)}` }];

async function install(
  report: (label: string) => void = () => {},
  signal = new AbortController().signal,
): Promise<string> {
  const folder = temporaryFolder();
  await installWheels([wheel], folder, place, { signal, report });
  return folder;
}

for (const [name, answer] of [
  ["JSON", json({ files })],
  ["HTML", (response: ServerResponse) => response.end(`<a href="${files[0].url}#sha256=0">${FILE}</a>`)],
] as const)
  test(`a wheel is found on a page in ${name}, and only the wanted files are unpacked`, async () => {
    page = answer;
    const folder = await install();
    assert.deepEqual(readdirSync(folder), ["lib"]);
    assert.deepEqual(readdirSync(join(folder, "lib")).sort(), ["libone.so", "libtwo.so"]);
    assert.equal(readFileSync(join(folder, "lib", "libtwo.so"), "utf8"), "two");
  });

test("a page that breaks off, holds no list or lacks the wheel is explained", async () => {
  page = (response) => {
    response.writeHead(200, { "content-length": "1000" }).write("{");
    setImmediate(() => response.destroy());
  };
  await assert.rejects(install(), { name: "InstallError", message: /broke off/ });
  for (const answer of [
    json("{no JSON"),
    json({ files: [] }),
    json({ files: [{ ...files[0], url: "http://[" }] }),
  ]) {
    page = answer;
    await assert.rejects(install(), { name: "InstallError", message: /has no library-1\.0/ });
  }
});

test("an installation that is stopped while it unpacks leaves no wheel open", {
  skip: withoutOpenFiles,
}, async () => {
  page = json({ files });
  const controller = new AbortController();
  const report = (label: string) => label.startsWith("Unpacking") && controller.abort();
  await assert.rejects(install(report, controller.signal));
  assert.deepEqual(
    openFiles().filter((path) => path.includes(".whl")),
    [],
  );
});
