/** Packages that are downloaded from the BioImage Model Zoo's collection: by id or DOI, once, checked, canceled. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { basename, dirname, join } from "node:path";
import { test } from "node:test";
import { strToU8, unzipSync } from "fflate";
import { checkZooSource } from "../../src/config/zoo-settings.ts";
import type { NewRunEvent } from "../../src/facts/run-events.ts";
import { buildArguments } from "../../src/workflow/model-settings.ts";
import { withZooModel } from "../../src/workflow/zoo/start-from-package.ts";
import { changed, described, folder, refused, startingUnet } from "../support/zoo-packages.ts";

/** Serves a package as the Zoo's collection does, under the id `affable-shark`, and in its list under a DOI. */
async function collection(path: string) {
  const files = unzipSync(readFileSync(path));
  const requested: string[] = [];
  const server = createServer((request, response) => {
    const name = basename(request.url ?? "");
    requested.push(name);
    const own = dirname(request.url ?? "") === "/affable-shark" ? files[name] : undefined;
    const bytes = name === "id_map.json" ? strToU8(JSON.stringify(list)) : own;
    if (bytes === undefined) return response.writeHead(404).end();
    if (unannounced) {
      // Each part is sent before the next one is written.
      const parts = Array.from({ length: 8 }, (_, part) =>
        bytes.subarray((part * bytes.length) / 8, ((part + 1) * bytes.length) / 8),
      );
      const send = (): unknown => {
        const part = parts.shift();
        return part === undefined ? response.end() : response.write(part, () => setImmediate(send));
      };
      return send();
    }
    response.writeHead(200, { "content-length": bytes.length });
    // A waiting server sends the first half only.
    if (waits && name !== "rdf.yaml") return response.write(bytes.subarray(0, bytes.length / 2));
    response.end(bytes);
  });
  let [waits, unannounced] = [false, false];
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  process.env.BIOIMAGEIO_COLLECTION_HTTP_PATTERN = `http://127.0.0.1:${port}/{bioimageio_id}/rdf.yaml`;
  process.env.BIOIMAGEIO_ID_MAP = `http://127.0.0.1:${port}/id_map.json`;
  const listed = {
    source: `http://127.0.0.1:${port}/affable-shark/rdf.yaml`,
    sha256: createHash("sha256").update(files["rdf.yaml"]).digest("hex"),
  };
  const list: Record<string, object> = {
    "10.5281/zenodo.5764892": listed,
    "10.5281/zenodo.5764892/6647674": listed,
    "brave-shark": listed,
    "damaged-shark": { ...listed, sha256: "0".repeat(64) },
    // One of thousands says nothing about the others.
    "lost-shark": { source: "rdf.yaml" },
  };
  process.env.BIAPY_STORAGE = mkdtempSync(join(folder, "storage"));
  return {
    requested,
    files,
    wait: () => {
      waits = true;
    },
    hideLength: () => {
      unannounced = true;
    },
    close: () => {
      server.closeAllConnections();
      server.close();
      delete process.env.BIOIMAGEIO_COLLECTION_HTTP_PATTERN;
      delete process.env.BIOIMAGEIO_ID_MAP;
      delete process.env.BIAPY_STORAGE;
    },
    stored: () => {
      const place = join(process.env.BIAPY_STORAGE ?? "", "zoo");
      return existsSync(place) ? readdirSync(place) : [];
    },
  };
}

test("a package is downloaded by its id once, with progress, and only what is used", async () => {
  const served = await collection(await changed(() => {}));
  try {
    const events: NewRunEvent[] = [];
    for (let time = 0; time < 2; time++) {
      const started = await withZooModel(startingUnet("affable-shark"), (event) => events.push(event));
      assert.deepEqual(buildArguments(started.config).feature_maps, [4, 8, 16]);
      await started.close();
    }
    assert.deepEqual(served.requested, ["rdf.yaml", "weights.pt"]);
    const last = events.filter(({ event }) => event === "progress").at(-1);
    const size = served.files["weights.pt"].length;
    assert.deepEqual(last, {
      event: "progress",
      label: "Downloading weights.pt of affable-shark",
      done: size,
      total: size,
    });
    assert.deepEqual(served.stored(), ["affable-shark"]);
  } finally {
    served.close();
  }
});

test("a package is downloaded by its DOI, or by a nickname that only the list has", async () => {
  for (const named of [
    "10.5281/zenodo.5764892",
    "https://doi.org/10.5281/zenodo.5764892",
    "10.5281/zenodo.5764892/6647674",
    "brave-shark",
  ]) {
    const served = await collection(await changed(() => {}));
    try {
      const config = startingUnet(named);
      assert.deepEqual(checkZooSource(config, folder), []);
      const started = await withZooModel(config, () => {});
      assert.deepEqual(buildArguments(started.config).feature_maps, [4, 8, 16]);
      await started.close();
      const files = served.requested.slice(named === "brave-shark" ? 1 : 0);
      assert.deepEqual(files, ["id_map.json", "rdf.yaml", "weights.pt"], named);
      assert.deepEqual(served.stored(), [named.replace("https://doi.org/", "").replaceAll("/", "_")]);
    } finally {
      served.close();
    }
  }
});

test("a DOI that is not in the list, or whose description differs, is refused with the reason", async () => {
  const served = await collection(await changed(() => {}));
  try {
    await refused(
      "10.5281/zenodo.1",
      /10\.5281\/zenodo\.1 is not in the list of the BioImage Model Zoo \(127/,
    );
    await refused("brave-shork", /answered 404 .* is not in the list .* Did you mean brave-shark\?/);
    await refused("lost-shark", /has no address of the description of lost-shark/);
    await refused("damaged-shark", /rdf\.yaml is not the description of damaged-shark: its SHA-256 differs/);
    process.env.BIOIMAGEIO_ID_MAP = process.env.BIOIMAGEIO_ID_MAP?.replace(
      "id_map.json",
      "affable-shark/rdf.yaml",
    );
    await refused("10.5281/zenodo.1", /is not the list of the BioImage Model Zoo.* name the file by/);
    process.env.BIOIMAGEIO_ID_MAP = "http://127.0.0.1:9/id_map.json";
    await refused(
      "10.5281/zenodo.1",
      /127\.0\.0\.1:9 cannot be reached .* download the package as a ZIP file/,
    );
    assert.deepEqual(served.stored(), []);
  } finally {
    served.close();
  }
});

test("the network in ONNX of a downloaded package is fetched only if its weights for PyTorch cannot be read", async () => {
  const served = await collection(
    await changed((files) => {
      files["weights.pt"] = strToU8("nothing");
      described(files, ({ weights }) => delete weights.pytorch_state_dict.sha256);
    }),
  );
  try {
    for (let time = 0; time < 2; time++) {
      const started = await withZooModel(startingUnet("affable-shark").with("TRAIN.ENABLE", false), () => {});
      assert.ok(started.foreign);
      await started.close();
    }
    const first = ["rdf.yaml", "weights.pt"];
    assert.deepEqual(served.requested, [...first, "rdf.yaml", "weights.onnx", "test_output.npy"]);
  } finally {
    served.close();
  }
});

test("a package's network is downloaded also without its test output, with a warning", async () => {
  type Files = Record<string, Uint8Array>;
  const address = (files: Files) =>
    described(files, (description) => {
      description.outputs[0].test_tensor.source = "file:///test_output.npy";
    });
  const noList = (files: Files) =>
    described(files, (description) => Object.assign(description, { test_outputs: "test_output.npy" }));
  const noFile = (files: Files) =>
    described(files, ({ outputs: [output] }) => Object.assign(output, { test_tensor: "test_output.npy" }));
  for (const [change, warnings] of [
    [(files: Files) => delete files["test_output.npy"], [/answered 404/]],
    [(files: Files) => files["test_output.npy"].fill(0, 100, 200), [/SHA-256 differs/]],
    [address, [/is not the address of a file/]],
    [noList, []],
    [noFile, []],
  ] as const) {
    const served = await collection(
      await changed((files) => {
        described(files, ({ weights }) => Object.assign(weights, { pytorch_state_dict: null }));
        change(files);
      }),
    );
    try {
      const warned: string[] = [];
      const started = await withZooModel(
        startingUnet("affable-shark").with("TRAIN.ENABLE", false),
        (event) => {
          if (event.event === "log" && event.level === "warning") warned.push(event.message);
        },
      );
      assert.ok(started.foreign);
      await started.close();
      assert.equal(warned.length, warnings.length);
      for (const [place, warning] of warnings.entries()) assert.match(warned[place] ?? "", warning);
    } finally {
      served.close();
    }
  }
});

test("the progress of a download of unknown length is not reported for every part that arrives", async (context) => {
  const served = await collection(await changed(() => {}));
  served.hideLength();
  context.mock.method(performance, "now", () => 0);
  try {
    const labels: string[] = [];
    const started = await withZooModel(startingUnet("affable-shark"), (event) => {
      if (event.event === "progress") labels.push(event.label);
    });
    await started.close();
    assert.deepEqual(labels, ["Downloading weights.pt of affable-shark"]);
  } finally {
    served.close();
  }
});

test("a downloaded file that does not match its description is deleted, and an unknown id is refused", async () => {
  const served = await collection(await changed((files) => files["weights.pt"].fill(0, 100, 200)));
  try {
    await refused("affable-shark", /weights\.pt is damaged or another file: its SHA-256 differs/);
    await refused("unknown-animal", /answered 404 .* name the file by MODEL\.BMZ\.SOURCE_MODEL_ID/);
    assert.deepEqual(served.stored(), []);
  } finally {
    served.close();
  }
});

test("an endless description, and weights whose address is not that of a file, are refused", async () => {
  const endless = await collection(
    await changed((files) => Object.assign(files, { "rdf.yaml": new Uint8Array(2 ** 23) })),
  );
  try {
    await refused("affable-shark", /rdf\.yaml is too large/);
    assert.deepEqual(endless.stored(), []);
  } finally {
    endless.close();
  }
  for (const source of ["file:///etc/passwd", "http://", "/"]) {
    const wrong = await changed((files) =>
      described(files, ({ weights }) => Object.assign(weights.pytorch_state_dict, { source })),
    );
    const served = await collection(wrong);
    try {
      await refused("affable-shark", /is not the address of a file/);
      assert.deepEqual(served.stored(), []);
    } finally {
      served.close();
    }
  }
});

test("a download can be canceled, and leaves nothing", async () => {
  const served = await collection(await changed(() => {}));
  served.wait();
  try {
    const controller = new AbortController();
    const stopAtFirstBytes = ({ event }: NewRunEvent) => event === "progress" && controller.abort();
    await assert.rejects(
      withZooModel(startingUnet("affable-shark"), stopAtFirstBytes, controller.signal),
      (error) => error === controller.signal.reason,
    );
    assert.deepEqual(served.stored(), []);
  } finally {
    served.close();
  }
});

test("without the internet, the message says what to do", async () => {
  const served = await collection(await changed(() => {}));
  served.close();
  process.env.BIOIMAGEIO_COLLECTION_HTTP_PATTERN = "http://127.0.0.1:9/{bioimageio_id}/rdf.yaml";
  process.env.BIOIMAGEIO_ID_MAP = "http://127.0.0.1:9/id_map.json";
  process.env.BIAPY_STORAGE = folder;
  try {
    await refused("affable-shark", /127\.0\.0\.1:9 cannot be reached .* download the package as a ZIP file/);
  } finally {
    delete process.env.BIOIMAGEIO_COLLECTION_HTTP_PATTERN;
    delete process.env.BIOIMAGEIO_ID_MAP;
    delete process.env.BIAPY_STORAGE;
  }
});
