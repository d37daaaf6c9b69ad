/** Where the extension looks for Python. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { pythonPlaces } from "../../src/extension/engines/index.ts";
import { extensions } from "../support/fake-vscode.ts";

test("a Python extension that fails is no reason not to look elsewhere", async () => {
  const python = (activate: () => Promise<unknown>) => {
    extensions.getExtension = () => ({ activate });
  };
  python(async () => ({
    environments: {
      getActiveEnvironmentPath: () => ({ path: "/env" }),
      resolveEnvironment: async () => ({ executable: { uri: { fsPath: "/env/bin/python" } } }),
    },
  }));
  assert.deepEqual((await pythonPlaces()).named, [{ python: "/env/bin/python", origin: "editor" }]);
  python(async () => {
    throw new Error("activation failed");
  });
  assert.deepEqual((await pythonPlaces()).named, []);
});
