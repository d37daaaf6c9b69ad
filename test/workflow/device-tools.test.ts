/** The command's tools around devices, as the extension calls them. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import type { DeviceList } from "../../src/extension/commands/device-tools.ts";
import { TRAINER } from "../support/command.ts";

const storage = mkdtempSync(join(tmpdir(), "storage-"));
const emptyCache = mkdtempSync(join(tmpdir(), "npm-cache-"));
after(() => {
  for (const folder of [storage, emptyCache]) rmSync(folder, { recursive: true, force: true });
});

function command(args: readonly string[], environment: NodeJS.ProcessEnv = {}) {
  const all = [...TRAINER, ...args];
  const env = { ...process.env, BIAPY_STORAGE: storage, ...environment };
  return new Promise<{ code: number; output: string; errors: string }>((resolve) =>
    execFile(process.execPath, all, { env }, (error, output, errors) =>
      resolve({ code: Number(error?.code ?? 0), output, errors }),
    ),
  );
}

test("devices are listed for people and for the extension", async () => {
  const { code, output } = await command(["--devices", "--json"]);
  assert.equal(code, 0);
  const devices = JSON.parse(output) as DeviceList;
  assert.ok(devices.cpu.cores >= 1 && devices.cpu.memoryBytes > 2 ** 30);
  for (const { name, routes, refused } of devices.gpus)
    assert.ok(name !== "" && routes.length + refused.length > 0, `${name} is used or has a reason`);
  const text = await command(["--devices"]);
  assert.match(text.output, /^CPU /);
});

test("a GPU runtime that this machine cannot use is refused, and nothing is downloaded", async () => {
  // Without programs to be found there is no nvidia-smi, as on a machine without a GPU of NVIDIA's.
  const { code, errors } = await command(["--install_gpu_runtime"], { PATH: storage });
  assert.equal(code, 2);
  assert.match(errors, /nvidia-smi finds no NVIDIA GPU|is part of (Windows|macOS)/);
  assert.deepEqual(readdirSync(storage), []);
});

test("an unreachable index ends an installation with an error, and leaves nothing", async () => {
  const unreachable = {
    PIP_INDEX_URL: "http://127.0.0.1:9/simple",
    npm_config_registry: "http://127.0.0.1:9/",
  };
  const never = { ...unreachable, npm_config_fetch_retries: "0" };
  const { code, output } = await command(["--install_tensorflow", "--json"], never);
  assert.equal(code, 2);
  const last = JSON.parse(output.trim().split("\n").at(-1) ?? "{}") as { event: string; message: string };
  assert.equal(last.event, "failed");
  assert.match(last.message, /npm could not install|cannot be reached/);
  assert.deepEqual(readdirSync(storage), []);
});

test("a package that npm cannot install is named", async () => {
  const offline = { npm_config_offline: "true", npm_config_cache: emptyCache };
  const { code, output } = await command(["--install_tensorflow", "--json"], offline);
  assert.equal(code, 2);
  const { message } = JSON.parse(output.trim().split("\n").at(-1) ?? "{}");
  assert.match(message, /^npm could not install @tensorflow\/tfjs-node: .*ENOTCACHED/);
});

test("a missing TensorFlow is reported with the command that installs it", async () => {
  const args = [
    "--config",
    "templates/demo.biapy.yaml",
    "--name",
    "x",
    "--result_dir",
    storage,
    "--try_batch",
    "1",
  ];
  const { code, errors } = await command([...args, "--runtime", "tensorflow"]);
  assert.notEqual(code, 0);
  assert.match(errors, /--install_tensorflow/);
});
