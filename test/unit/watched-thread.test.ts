/** Threads that read files of any origin: a file that blocks one is refused by name, a slow one is not. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath, pathToFileURL } from "node:url";
import { ImageError } from "../../src/images/image.ts";
import { WatchedThread } from "../../src/images/watched-thread.ts";

const folder = mkdtempSync(join(tmpdir(), "watched-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const SOURCE = fileURLToPath(new URL("../../src/images/watched-thread.ts", import.meta.url));
const script = join(folder, "worker.ts");
writeFileSync(
  script,
  `import { setTimeout } from "node:timers/promises";
  import { serveRequests } from ${JSON.stringify(SOURCE)};
  serveRequests(async (request: string, progress: () => void) => {
    if (request === "compute") for (;;);
    if (request === "fill") for (const all: number[][] = []; ; ) all.push(new Array(2 ** 16).fill(0.5));
    if (request === "buffers") {
      // glibc returns blocks above 32 MB to the system as soon as they are freed. Smaller ones it may keep for the next thread.
      const all = Array.from({ length: 10 }, () => new Uint8Array(2 ** 26).fill(1));
      // Held until the thread is ended.
      await setTimeout(30_000);
      return String(all.length);
    }
    if (request === "wait") await setTimeout(2500);
    if (request === "progress")
      for (let part = 0; part < 4; part++) {
        for (const end = performance.now() + 500; performance.now() < end; );
        progress();
      }
    return request;
  });`,
);
const started = (shared: boolean) => new WatchedThread<string, string>(pathToFileURL(script), shared);
const subject = { path: "/images/a.tif", work: "looking at it", milliseconds: 1000 };

test("a file that takes forever, or fills the heap, is refused by name, and the thread has ended", async () => {
  for (const [request, milliseconds, reason] of [
    ["compute", 1000, /looking at it took longer than 1 seconds/],
    ["fill", 60_000, /it takes more than 1 GB of memory/],
  ] as const) {
    const thread = started(true);
    const later = [
      thread.ask({ ...subject, milliseconds }, request),
      thread.ask({ ...subject, path: "/images/b.tif" }, "b"),
    ];
    const [first, second] = await Promise.allSettled(later);
    assert.ok(first?.status === "rejected" && first.reason instanceof ImageError, request);
    assert.match(first.reason.message, /^\/images\/a\.tif: /);
    assert.match(first.reason.message, reason);
    // Whoever asked for another file asks a new thread.
    assert.deepEqual(second, { status: "fulfilled", value: "thread ended" });
    assert.ok(thread.ended);
  }
});

test("buffers count as memory; in a process with other work a file is refused at the second attempt", async () => {
  const buffers = { ...subject, milliseconds: 60_000, mostBytes: 2 ** 28 };
  const message =
    /\/images\/a\.tif: cannot be read: looking at it takes more than 268 MB of memory\. Save it in smaller tiles or chunks\.$/;
  await assert.rejects(started(false).ask(buffers, "buffers"), message);
  assert.equal(await started(true).ask(buffers, "buffers"), "thread ended");
  await assert.rejects(started(true).ask(buffers, "buffers"), message);
});

test("two files that alternately take too much memory are both refused; one that was read meanwhile gets two attempts again", async () => {
  const look = (path: string, request: string) =>
    started(true).ask({ path, work: "looking at it", milliseconds: 60_000, mostBytes: 2 ** 28 }, request);
  const [first, second] = ["/images/first.tif", "/images/second.tif"];
  assert.equal(await look(first, "buffers"), "thread ended");
  assert.equal(await look(second, "buffers"), "thread ended");
  await assert.rejects(look(first, "buffers"), ImageError);
  const thread = started(true);
  const small = { path: second, work: "looking at it", milliseconds: 60_000 };
  assert.equal(await thread.ask(small, "small"), "small");
  thread.close();
  assert.equal(await look(second, "buffers"), "thread ended");
});

test("a thread that waits for its disk is not blamed for what others compute in this process", async () => {
  const thread = started(true);
  const answer = thread.ask(subject, "wait");
  await setTimeout(100);
  for (const { user, system } = process.cpuUsage(); ; ) {
    const used = process.cpuUsage({ user, system });
    if (used.user + used.system > 1_500_000) break;
  }
  assert.equal(await answer, "wait");
  thread.close();
});

test("each sign of progress restarts the time limit", async () => {
  const thread = started(true);
  assert.equal(await thread.ask(subject, "progress"), "progress");
  thread.close();
});
