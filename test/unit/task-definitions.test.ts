/** Entries of launch.json and tasks.json, which users write. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Ajv } from "ajv";
import * as v from "valibot";
import packageFile from "../../package.json" with { type: "json" };
import { checkedDefinition, runNumber } from "../../src/extension/training/checked-definition.ts";

const wrongNumbers: readonly unknown[] = [0, 1.5, -1, true, "", "0", "1.5", "-1", "first"];
const schema = v.object({ config: v.string(), runId: v.optional(runNumber) });

test("a definition is checked, and its other keys are left out", () => {
  const definition = { type: "biapy", config: "a.yaml", runId: 2 };
  assert.deepEqual(checkedDefinition(schema, definition, "tasks.json"), { config: "a.yaml", runId: 2 });
});

test("an error names the file and the key", () => {
  const check = (definition: unknown) => () => checkedDefinition(schema, definition, "launch.json");
  assert.throws(check({ type: "biapy" }), /launch\.json.*config/);
  for (const runId of wrongNumbers)
    assert.throws(check({ config: "a.yaml", runId }), /launch\.json.*runId/, String(runId));
});

test("the number of a run may be text, as variables of launch.json give it", () => {
  const definition = { type: "biapy", config: "a.yaml", runId: "12" };
  assert.deepEqual(checkedDefinition(schema, definition, "launch.json"), { config: "a.yaml", runId: 12 });
});

test("the editor underlines numbers of runs that are wrong, and no variables", () => {
  const { debuggers, taskDefinitions } = packageFile.contributes;
  const described = [
    debuggers.flatMap(({ configurationAttributes }) => configurationAttributes?.launch ?? []),
    taskDefinitions,
  ].flat();
  assert.equal(described.length, 2);
  for (const { properties } of described) {
    const isValid = new Ajv({ allowUnionTypes: true }).compile(properties.runId);
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the editor's own placeholder
    for (const runId of [1, "1", "12", "${input:run}"]) assert.ok(isValid(runId), String(runId));
    for (const runId of wrongNumbers) assert.ok(!isValid(runId), String(runId));
  }
});
